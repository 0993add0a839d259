"""A data set and a run so small that every method can be tried in a second."""

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import timm
import torch
from safetensors.torch import save_file
from sklearn.datasets import load_digits

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known.scenes import draw_scenes
from fewlabels.methods.catalogue import TASKS, load_method, method_names
from fewlabels.methods.method import Method
from fewlabels.options import TrainOptions
from fewlabels.run.plan import make_plan
from fewlabels.run.prepare import prepare
from fewlabels.run.request import make_request
from fewlabels.tasks.task import load_task
from fewlabels.training.experiment import Experiment

STEPS = 4
WITHOUT_STEPS = ("auto", "graph-probe", "linear-probe", "map-probe")
"""Methods that take no ``--steps``; with it, auto would choose a method that trains whole networks."""
THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
"""Threads of a run: what `make test` and `make test-portable` set."""


class Case(NamedTuple):
    """A method of a task."""

    task: str
    name: str

    def __str__(self) -> str:
        return f"{self.task}-{self.name}"

    @property
    def method(self) -> type[Method]:
        return load_method(self.name, self.task)


CASES = [Case(task, name) for task in TASKS for name in method_names(task)]
TRAINING = [case for case in CASES if case.method.trains]


def write_tiny(root: Path, classes: int = 3, train: int = 48, test: int = 24) -> Path:
    """A few real digits as ROOT/mnist.npz, and a box for each in ROOT/boxes.csv."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = (
        (pixels * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8)[labels < classes],
        labels[labels < classes],
    )
    end = train + test
    arrays = {
        "x_train": pixels[:train],
        "y_train": labels[:train],
        "x_test": pixels[train:end],
        "y_test": labels[train:end],
    }
    np.savez(root / "mnist.npz", **arrays)
    names = [f"{part}/{row:06d}" for part, count in (("train", train), ("test", test)) for row in range(count)]
    lines = ["path,x0,y0,x1,y1", *(f"{name},2,1,7,8" for name in names[: len(pixels)])]
    (root / "boxes.csv").write_text("\n".join(lines) + "\n")
    return root


def write_pretrained(root: Path) -> Path:
    """Weights of small_cnn for colour images as ROOT/pretrained.safetensors, as if it were pretrained."""
    torch.manual_seed(0)
    state = timm.create_model("small_cnn", in_chans=3, num_classes=0).state_dict()
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, root / "pretrained.safetensors")
    return root


def tiny_dataset(task: str) -> Dataset | None:
    """None for what is read from :func:`write_tiny`'s data."""
    if task != "multilabel":
        return None
    train, test = draw_scenes(24, 0, "train", (1, 2), size=16), draw_scenes(12, 0, "test", (1, 2), size=16)
    present = np.concatenate([train.present, test.present])[:, :3]
    return Dataset(
        name="scenes", classes=("0", "1", "2"), paths=tuple(f"train/{row:06d}" for row in range(36)),
        splits=np.repeat(np.array([TRAIN, TEST], np.int8), [24, 12]),
        labels=np.where(present, PRESENT, ABSENT).astype(np.int8),
        images=ArrayImages(np.concatenate([train.pixels, test.pixels])), flip="none",
    )  # fmt: skip


def case_options(root: Path, case: Case, out: Path, **changes: object) -> TrainOptions:
    """:func:`tiny_options` for a method of any task."""
    own = {
        "classify": {},
        "multilabel": {"data": "scenes", "num_labels": None, "known_proportion": 0.5},
        "localize": {"boxes": str(root / "boxes.csv")},
    }[case.task]
    return tiny_options(root, case.name, out, **({"task": case.task} | own | changes))


def tiny_options(root: Path, method: str, out: Path, **changes: object) -> TrainOptions:
    """A run of four steps on :func:`write_tiny`'s data."""
    options = TrainOptions(
        data="mnist", root=str(root), method=method, out=str(out), num_labels=6, batch_size=4,
        steps=STEPS, eval_every=2, device="cpu", threads=THREADS,
        precision="fp32", layout="channels_last",
    )  # fmt: skip
    if method in WITHOUT_STEPS:
        options = replace(options, steps=None)
    if method in WITHOUT_STEPS and method != "auto":  # else they would enlarge images and ask for pretrained weights
        options = replace(options, image_size=16)
    return replace(options, **changes)  # pyright: ignore[reportArgumentType]


def tiny_experiment(options: TrainOptions, dataset: Dataset | None) -> Experiment:
    """Build the pieces of a run, untrained, on the CPU."""
    request, device = make_request(options), torch.device("cpu")
    task = load_task(request.task)
    dataset = dataset or task.read(request.options)
    plan = make_plan(request.options, task, dataset, device, threads=THREADS, say=print)
    return prepare(plan, dataset, device)


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def stop_after(step: int) -> Iterator[None]:
    """Let a SIGTERM arrive while step number ``step`` is being done."""
    from fewlabels.training.observer import RunningMeans

    add, seen = RunningMeans.add, [0]

    def counted(self: RunningMeans, losses: object, total: object) -> None:
        add(self, losses, total)  # pyright: ignore[reportArgumentType]
        seen[0] += 1
        if seen[0] == step:
            os.kill(os.getpid(), signal.SIGTERM)

    RunningMeans.add = counted  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        RunningMeans.add = add
