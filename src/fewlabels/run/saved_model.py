"""The saved model: model.safetensors and model.json hold all that ``predict`` needs and nothing executable."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from fewlabels.errors import UserError
from fewlabels.files import write_atomically, write_json
from fewlabels.methods.catalogue import task_names
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier
from fewlabels.models.weight_files import preprocessing_header
from fewlabels.options import LIMITS
from fewlabels.run.choose_engine import EngineName


@dataclass(frozen=True)
class SavedModel:
    """A model with the names of its classes."""

    model: Classifier
    spec: ModelSpec
    classes: tuple[str, ...]
    task: str
    engine: EngineName = "torch"
    """What computed the backbone in the run; only a frozen backbone has another engine than torch."""


def save_model(
    run: Path, model: Classifier, spec: ModelSpec, classes: tuple[str, ...], task: str, engine: EngineName
) -> None:
    """Write both files into the run folder.

    The header of the weights says how to feed images, for a run that starts from them with ``--weights``.
    """
    tensors = {name: t.detach().cpu().contiguous().clone() for name, t in model.state_dict().items()}
    header = preprocessing_header(spec.mean, spec.std, spec.pad_type)
    write_atomically(run / "model.safetensors", lambda draft: save_file(tensors, draft, header))
    write_json(run / "model.json", {"task": task, "classes": list(classes), "engine": engine, **spec.to_dict()})


def load_model(run: Path, device: torch.device) -> SavedModel:
    """Read the model of a run.

    Raises:
        UserError: the folder is not a finished run, or one of its files is damaged.
    """
    if not run.is_dir():
        raise UserError(f"there is no run folder '{run}'; `fewlabels train` creates one")
    about, weights = run / "model.json", run / "model.safetensors"
    for file in (about, weights):
        if not file.is_file():
            raise UserError(
                f"{run} has no {file.name}: the run is not finished, or this is not a run folder; train with --resume"
            )
    try:
        content = json.loads(about.read_text(encoding="utf-8"))
        task, classes = str(content.pop("task")), tuple(str(c) for c in list(content.pop("classes")))
        engine = content.pop("engine", "torch")  # version 0.1.0 had no other
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(f"{about} is not a model description; train the run again") from None
    spec = ModelSpec.from_dict(content, source=str(about))
    if task not in task_names() or len(classes) != spec.num_classes or spec.image_size > LIMITS["image_size"][1]:
        raise UserError(f"{about}: its task, classes or image_size are not valid; train the run again")
    if engine not in get_args(EngineName):
        raise UserError(f"{about}: its engine is {engine!r}, not torch or openvino; train the run again")
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError, ValueError):
        raise UserError(
            f"{weights} is not a safetensors file and is not opened as anything else; train the run again"
        ) from None
    model = build(spec)
    try:
        model.load_state_dict(tensors)
    except RuntimeError:
        raise UserError(f"{weights} does not fit {about}: they belong to different runs; train the run again") from None
    return SavedModel(model.to(device).eval(), spec, classes, task, engine)
