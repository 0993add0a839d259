"""The options of a training run, declared once for the command line, ``config.yaml`` and the Python API.

This module imports neither torch nor numpy, so that ``--help`` and usage errors answer quickly.
"""

import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from fewlabels.errors import UserError, nearest


def option(default: Any, help: str, group: str = "training") -> Any:
    """Declare an option: its default (None: decided by the rule in ``docs/defaults.md``), its help and its group."""
    return field(default=default, metadata={"help": help, "group": group})


@dataclass(frozen=True)
class TrainOptions:
    """The options of ``fewlabels train``. None means: decided from data and device, and written to config.yaml."""

    data: str = option("", "a folder of images, or the name of a known data set", "data")
    method: str = option(
        "auto", "the method to train with; `fewlabels methods` lists them; auto chooses one for the data", "data"
    )
    labels: str | None = option(
        None,
        "CSV with columns path,label, or for several labels path and one per class (default: labels.csv in the folder)",
        "data",
    )
    out: str | None = option(None, "the run folder to create (default: runs/DATA-METHOD-SEED)", "data")
    root: str = option(".", "directory of the known data sets", "data")
    task: str | None = option(
        None,
        "classify (one class per image), multilabel (several) or localize (one and its box) "
        "(default: decided by method and data)",
        "data",
    )
    boxes: str | None = option(
        None, "localize: CSV with columns path,x0,y0,x1,y1: true boxes for evaluation; training never uses them", "data"
    )
    labelled_from: str | None = option(
        None, "another folder or known data set to take the labelled images from; the labels of DATA are hidden", "data"
    )
    num_labels: int | None = option(
        None, "total number of labels to train with, balanced over the classes; other labels are hidden", "data"
    )
    label_fraction: float | None = option(
        None, "fraction of the labels of each class to train with; other labels are hidden", "data"
    )
    known_proportion: float | None = option(
        None, "multilabel: probability with which each label is kept for training; other labels are hidden", "data"
    )
    label_seed: int | None = option(None, "seed of the choice of labelled images (default: --seed)", "data")
    val_fraction: float = option(0.0, "fraction of the labelled images held out for validation", "data")
    pool: Literal["all", "unlabelled"] = option(
        "all", "the unlabelled pool: all training images, or those without a label", "data"
    )
    skip_bad: bool = option(False, "leave out faulty files and rows instead of stopping", "data")
    time: str | None = option(
        None,
        "auto: upper bound of the estimated time, as 90s, 10m or 2h; what does not fit is left out",
    )
    seed: int = option(0, "random seed of the run")
    steps: int | None = option(None, "total optimiser steps")
    batch_size: int | None = option(None, "labelled images in a batch; mu times as many unlabelled images are added")
    backbone: str | None = option(None, "any timm model, or small_cnn, wrn_28_2, cnn13, cnn3", "model")
    weights: str | None = option(None, "imagenet, none, or a .safetensors file", "model")
    freeze: bool | None = option(
        None, "keep the backbone fixed; a few views of each image are embedded once and cached", "model"
    )
    statistics: Literal["moving", "fixed"] | None = option(
        None, "batch normalisation: update the running statistics, or keep the pretrained statistics", "model"
    )
    image_size: int | None = option(None, "side of the square that every image is resized to, in pixels", "model")
    flip: Literal["none", "horizontal", "both"] | None = option(None, "flips that preserve the label", "model")
    weak: str | None = option(None, "the view that stands for the weak view of the method", "model")
    strong: str | None = option(None, "the view that stands for the strong view of the method", "model")
    optimizer: Literal["sgd", "adamw"] = option("sgd", "the optimiser", "optimisation")
    lr: float | None = option(
        None, "learning rate of the head, and of a backbone with random initial weights", "optimisation"
    )
    backbone_lr: float | None = option(
        None, "learning rate of a pretrained backbone, and of all layers of a separate box network", "optimisation"
    )
    weight_decay: float = option(5e-4, "weight decay; biases and normalisation layers have none", "optimisation")
    schedule: Literal["constant", "step", "cosine", "step-cosine"] = option(
        "cosine",
        "learning rate schedule; cosine is FixMatch's (7/16 of a period), step-cosine is PEPL's",
        "optimisation",
    )
    warmup: int = option(0, "steps of linear learning rate warm-up", "optimisation")
    clip: float | None = option(None, "maximum norm of the gradient; 0 disables clipping", "optimisation")
    ema: float = option(
        0.999,
        "decay of the moving average of the weights, which is evaluated; 0 evaluates the last weights",
        "optimisation",
    )
    eval_every: int | None = option(None, "steps between evaluations (default: a tenth of the run)")
    precision: Literal["fp32", "bf16"] | None = option(
        None, "numeric precision (default: the faster one, measured once per network and machine)", "machine"
    )
    layout: Literal["contiguous", "channels_last"] | None = option(
        None, "memory layout of images and filters (default: the faster one, measured likewise)", "machine"
    )
    engine: Literal["auto", "torch", "openvino"] = option(
        "auto",
        "what computes a frozen backbone: torch, or openvino (pip extra fast, on a CPU); auto takes openvino where "
        "it is installed and there are enough images",
        "machine",
    )
    device: str | None = option(None, "cpu, cuda, cuda:N or mps (default: cuda or mps where available)", "machine")
    workers: int | None = option(None, "processes that decode the images of a data set too large for memory", "machine")
    memory: float | None = option(
        None, "memory for decoded images in GiB (default: a quarter of the free memory)", "machine"
    )
    threads: int | None = option(None, "CPU threads (default: all cores)", "machine")
    parameters: dict[str, Any] = field(default_factory=dict, metadata={"help": "hyper-parameters", "group": ""})

    def replaced(self, values: dict[str, Any]) -> "TrainOptions":
        """Return a copy with other values, each converted to the type of its option; unknown names are refused."""
        merged = {f.name: getattr(self, f.name) for f in fields(self)}
        for name, value in values.items():
            merged[name] = read_value(name, value)
        return TrainOptions(**merged)


def decided() -> Any:
    """Declare an option that has no default, because :meth:`Settings.of` always gives its value."""
    return field(default=None)


@dataclass(frozen=True)
class Settings(TrainOptions):
    """The options of a run after every decision; what the rule of ``docs/defaults.md`` decides is never None.

    Made by :meth:`of` alone.
    """

    task: str = decided()
    out: str = decided()
    label_seed: int = decided()
    steps: int = decided()
    batch_size: int = decided()
    backbone: str = decided()
    weights: str = decided()
    freeze: bool = decided()
    statistics: Literal["moving", "fixed"] = decided()
    image_size: int = decided()
    flip: Literal["none", "horizontal", "both"] = decided()
    weak: str = decided()
    strong: str = decided()
    lr: float = decided()
    backbone_lr: float = decided()
    clip: float = decided()
    eval_every: int = decided()
    precision: Literal["fp32", "bf16"] = decided()
    layout: Literal["contiguous", "channels_last"] = decided()
    engine: Literal["torch", "openvino"] = decided()
    device: str = decided()
    workers: int = decided()
    threads: int = decided()

    @classmethod
    def of(cls, options: TrainOptions) -> "Settings":
        """Make settings of options in which nothing is left open."""
        values = {f.name: getattr(options, f.name) for f in fields(options)}
        missing = [name for name in cls.__annotations__ if values[name] is None]
        assert not missing, f"not decided: {missing}"
        return cls(**values)


def option_names() -> list[str]:
    """List the names of all options, as attributes."""
    return [f.name for f in fields(TrainOptions)]


def flag(name: str) -> str:
    """Return an option as it is typed: ``label_seed`` is ``--label-seed``."""
    return "--" + name.replace("_", "-")


def read_value(name: str, value: Any) -> Any:
    """Convert text or YAML to the value of an option; :class:`UserError` says what it must be."""
    by_name = {f.name: f for f in fields(TrainOptions)}
    if name not in by_name:
        hint = nearest(flag(name), [flag(known) for known in by_name])
        raise UserError(f"there is no option '{flag(name)}'; {hint}")
    if name == "parameters":
        if not isinstance(value, dict):
            raise UserError("parameters: must be a list of NAME: VALUE")
        return dict(value)
    return _convert(flag(name), value, by_name[name].type)


def unwrap(kind: Any) -> tuple[Any, bool]:
    """Return the type X of ``X | None``, and whether None is allowed."""
    if get_origin(kind) not in (Union, UnionType):
        return kind, False
    (inner,) = [k for k in get_args(kind) if k is not NoneType]
    return inner, True


def _convert(name: str, value: Any, kind: Any) -> Any:
    kind, optional = unwrap(kind)
    if optional and value is None:
        return None
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"{name} can't be '{value}'; {nearest(str(value), get_args(kind))}")
        return value
    if kind is bool:
        if not isinstance(value, bool):
            raise UserError(f"{name} is true or false, not '{value}'")
        return value
    try:
        if kind is int and str(value).lstrip("+-").isdigit():
            return int(value)
        if kind in (float, str) and type(value) in (int, float, str):
            return kind(value)
    except (ValueError, OverflowError):
        pass
    words = {int: "a whole number", float: "a number", str: "text"}
    raise UserError(f"{name} is {words[kind]}, not '{value}'")


LIMITS: dict[str, tuple[float, float]] = {
    "num_labels": (1, float("inf")), "label_fraction": (0, 1), "known_proportion": (0, 1), "val_fraction": (0, 0.9),
    "steps": (0, float("inf")),
    "batch_size": (1, float("inf")), "image_size": (8, 2048), "lr": (0, float("inf")), "backbone_lr": (0, float("inf")),
    "weight_decay": (0, float("inf")), "warmup": (0, float("inf")), "clip": (0, float("inf")), "ema": (0, 0.999999),
    "eval_every": (1, float("inf")), "workers": (0, 256), "memory": (0, float("inf")),
    "threads": (1, 4096), "seed": (0, 2**63 - 1), "label_seed": (0, 2**63 - 1),
}  # fmt: skip


def validate(options: TrainOptions) -> None:
    """Raise :class:`UserError` for values out of range or that contradict each other."""
    for name, (low, high) in LIMITS.items():
        value = getattr(options, name)
        if value is not None and not (low <= value <= high and value != float("inf")):
            bound = f"at least {low:g}" if high == float("inf") else f"from {low:g} to {high:g}"
            raise UserError(f"{flag(name)} {value} is out of range; give a value {bound}")
    if options.num_labels is not None and options.label_fraction is not None:
        raise UserError("--num-labels and --label-fraction exclude each other; give one of them")
    if options.time is not None:
        seconds_of(options.time)
        if options.method != "auto":
            raise UserError("--time is for --method auto, which chooses what fits; bound a named method by --steps")
    if not options.data:
        raise UserError("name the data: a folder of images, or a known data set such as 'digits'")


_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}


def seconds_of(time: str) -> float:
    """Return the seconds of a time such as 90s, 10m, 1.5h, or 600; raise UserError for anything else."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", time.strip())
    seconds = float(found[1]) * _UNITS[found[2]] if found else 0.0
    if not 0 < seconds < float("inf"):
        raise UserError(f"--time {time}: give a time such as 90s, 10m or 2h")
    return seconds


def read_config(file: Path) -> dict[str, Any]:
    """Read options from a YAML file, which may be the config.yaml of a run; its record of versions is ignored."""
    import yaml

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"--config {file}: there is no such file") from None
    except OSError as error:
        raise UserError(f"--config {file}: can't be read ({error.strerror}); name a YAML file") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or a date such as 2026-13-01
        raise UserError(f"--config {file}: not YAML ({' '.join(str(error).split())[:200]}); fix that line") from None
    if not isinstance(content, dict):
        raise UserError(f"--config {file}: must hold lines such as 'method: fixmatch'")
    content.pop("record", None)
    named = {str(name).replace("-", "_"): value for name, value in content.items()}
    try:
        return {name: read_value(name, value) for name, value in named.items()}
    except UserError as error:
        raise UserError(f"--config {file}: {error}") from None
