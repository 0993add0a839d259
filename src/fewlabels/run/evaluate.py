"""Evaluate a trained model on labelled images."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fewlabels.data.dataset import SPLITS, Dataset
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import UserError, nearest
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.options import TrainOptions
from fewlabels.run.inputs import model_answers, model_inputs
from fewlabels.run.saved_model import SavedModel, load_model
from fewlabels.tasks.localize import Localize
from fewlabels.tasks.task import load_task
from fewlabels.training.machine import pick_device


@dataclass(frozen=True)
class KnownImages:
    """The labelled images of a data set that a model is evaluated on."""

    dataset: Dataset
    rows: Tensor
    """(n,) int64."""
    labels: Tensor
    """Their labels, as indices into the model's classes; see :class:`fewlabels.data.dataset.Dataset`."""
    boxes: TrueBoxes | None


def evaluate(
    run: Path | str,
    data: Path | str,
    split: str | None = None,
    *,
    labels: str | None = None,
    boxes: str | None = None,
    root: str = ".",
    map: str | None = None,
    max_box_acc: bool = False,
    skip_bad: bool = False,
    device: str | None = None,
) -> dict[str, Any]:
    """Evaluate the model of a run on the labelled images of a data set.

    Args:
        run: a finished run.
        data: a folder of images, or the name of a known data set.
        split: "train", "val" or "test"; None is all images.
        labels: CSV as for ``train`` (default: labels.csv in the folder).
        boxes: CSV of true boxes (default: boxes.csv in the folder).
        root: directory of the known data sets.
        map: take boxes from this map of the classifier: cam, grad-cam, layer-cam or info-cam.
        max_box_acc: also compute MaxBoxAcc, which chooses its threshold with the true boxes; slow.
        skip_bad: leave out faulty files and rows instead of stopping.
        device: cpu, cuda, cuda:N or mps (default: cuda or mps where available).

    Returns:
        Figures by name; those of one class are named as ``AP(CLASS)``.

    Raises:
        UserError: for a class that the model does not know, data without a labelled image, or an unknown map.
    """
    _check_split(split)
    run, where = Path(run), pick_device(device)
    saved = _load(run, where, map, boxes)
    options = TrainOptions(data=str(data), labels=labels, boxes=boxes, root=root, skip_bad=skip_bad, task=saved.task)
    known = _read_labelled(saved, options, split, run)
    return _by_class(_figures(saved, known, where, max_box_acc), saved.classes)


def _check_split(split: str | None) -> None:
    if split is not None and split not in SPLITS:
        raise UserError(f"there is no split '{split}'; {nearest(split, SPLITS)}")


def _load(run: Path, device: torch.device, map: str | None, boxes: str | None) -> SavedModel:
    """Load the model, with boxes from one of its maps where ``map`` is given."""
    saved = load_model(run, device)
    saved = saved if map is None else _with_map_boxes(saved, map, run)
    if boxes is not None and saved.task != "localize":
        raise UserError(f"--boxes is for --task localize, and {run} is of {saved.task}; leave it out, or give --map")
    return saved


def _read_labelled(saved: SavedModel, options: TrainOptions, split: str | None, run: Path) -> KnownImages:
    """Read the data, keep the labelled images of the split, and map their labels to the model's classes."""
    task = load_task(saved.task)
    dataset = task.read(options)
    rows = torch.arange(len(dataset)) if split is None else torch.from_numpy(dataset.rows(SPLITS.index(split)))
    rows = rows[task.known(dataset)[rows]]
    if not len(rows):
        raise UserError(f"{dataset.name}: no image there has a label to compare with; give --labels or another --split")
    labels, place = torch.from_numpy(dataset.labels)[rows], {name: k for k, name in enumerate(saved.classes)}
    used = {k: dataset.classes[k] for k in task.classes_present(labels)}
    for name in used.values():
        if name not in place:
            raise UserError(f"{dataset.name}: class '{name}' is unknown to {run}; {nearest(name, saved.classes)}")
    labels = task.remap_labels(labels, {k: place[name] for k, name in used.items()}, len(saved.classes))
    boxes = task.true_boxes(dataset, options)
    return KnownImages(dataset, rows, labels, boxes and boxes.of(rows.numpy()))


def _figures(saved: SavedModel, known: KnownImages, device: torch.device, max_box_acc: bool) -> dict[str, Any]:
    task = load_task(saved.task)
    answers = model_answers(task, saved, known.dataset, device, known.rows, known.labels)
    figures = task.metrics_of(answers, known.labels, known.boxes)
    inputs = model_inputs(saved, known.dataset, device, known.rows)
    figures |= task.extra_metrics(saved.model, inputs, answers, known.labels, known.boxes)
    if max_box_acc:
        if not isinstance(task, Localize) or known.boxes is None:
            raise UserError("--max-box-acc needs boxes from maps and true boxes: --task localize or --map, and --boxes")
        inputs = model_inputs(saved, known.dataset, device, known.rows)
        figures |= task.max_box_acc(saved.model, inputs, known.labels, known.boxes, saved.spec.image_size)
    return figures


def _with_map_boxes(saved: SavedModel, source: str, run: Path) -> SavedModel:
    """Return the same classifier with boxes from one of its maps."""
    if source not in MAP_FUNCTIONS:
        raise UserError(f"there is no map '{source}'; {nearest(source, MAP_FUNCTIONS)}")
    if saved.task == "multilabel":
        raise UserError(f"{run} is of task multilabel, where an image has no single class to localize; leave --map out")
    classifier = saved.model.classifier if isinstance(saved.model, Localizer) else saved.model
    model = Localizer(classifier, None, BoxRule(source)).to(next(classifier.parameters()).device).eval()
    return replace(saved, model=model, task="localize")


def _by_class(figures: dict[str, Any], classes: tuple[str, ...]) -> dict[str, Any]:
    """Name the figure of each class as ``AP(CLASS)``."""
    named: dict[str, Any] = {}
    for name, value in figures.items():
        if isinstance(value, list):
            named |= {f"{name}({one})": of_one for one, of_one in zip(classes, value, strict=True)}
        else:
            named[name] = value
    return named
