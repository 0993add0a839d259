"""A trained model on new images."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fewlabels.augment.views import Normalize
from fewlabels.data.dataset import Dataset
from fewlabels.data.labels.folder import list_images
from fewlabels.data.pixels.store import open_store
from fewlabels.errors import UserError, nearest
from fewlabels.evaluation.outcome import Answers
from fewlabels.models.box_rule import BoxRule
from fewlabels.models.evidence import MAPS
from fewlabels.models.localizer import Localizer
from fewlabels.options import TrainOptions
from fewlabels.run.saved_model import SavedModel, load_model
from fewlabels.tasks.localize import Localize
from fewlabels.tasks.task import Task, load_task
from fewlabels.training.images import Images
from fewlabels.training.machine import pick_device

MEMORY = 2 * 2**30
"""Bytes of decoded images to hold at once; more are decoded as they are needed."""


@dataclass(frozen=True)
class Predicted:
    """The model's word on some images."""

    task: Task
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    answers: Answers
    images: Dataset

    def to_csv(self, all_classes: bool = False) -> str:
        """``path`` and what the task says of an image; where asked for, a column ``p(CLASS)`` per class."""
        table = self.task.format_predictions(self.classes, self.answers, all_classes, self.images)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", *table.columns])
        writer.writerows([self.paths[number], *cells] for number, cells in table.rows)
        return text.getvalue()


def predict(
    run: Path, images: Path, device: str | None = None, skip_bad: bool = False
) -> tuple[Predicted, tuple[str, ...]]:
    """The probabilities of every image in a folder, or of one image, and what was noticed on the way.

    Raises:
        UserError: for a run folder without a model, or images that can't be read.
    """
    where = pick_device(device)
    saved = load_model(run, where)
    dataset = list_images(images, skip_bad=skip_bad)
    task = load_task(saved.task)
    answers = all_answers(task, saved, dataset, where, torch.arange(len(dataset)))
    return Predicted(task, dataset.paths, saved.classes, answers, dataset), dataset.notes


def evaluate(
    run: Path, options: TrainOptions, split: int | None, source: str | None = None, max_box_acc: bool = False
) -> dict[str, Any]:
    """The figures of a run's model on the labelled images of a data set, or of one split of it.

    Args:
        run: a finished run.
        options: where the data are; and the device.
        split: TRAIN, VAL or TEST; None is all images.
        source: a map of the classifier that boxes are to come from, of a run of this task or of ``classify``.
        max_box_acc: also what the maps are worth at the threshold that is best for the true boxes; slow.

    Raises:
        UserError: for a class that the model does not know, no labelled image, or a map that there is not.
    """
    where = pick_device(options.device)
    saved = load_model(run, where)
    saved = saved if source is None else _with_boxes(saved, source, run)
    task = load_task(saved.task)
    if options.boxes is not None and task.name != "localize":
        raise UserError(f"--boxes is for --task localize, and {run} is of {task.name}; leave it out, or give --map")
    dataset = task.read(options)
    rows = torch.arange(len(dataset)) if split is None else torch.from_numpy(dataset.rows(split))
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
    answers = all_answers(task, saved, dataset, where, rows, labels)
    own = boxes and boxes.of(rows.numpy())
    figures = task.metrics_of(answers, labels, own)
    figures |= task.extra_metrics(saved.model, all_inputs(saved, dataset, where, rows), answers, labels, own)
    if max_box_acc:
        if not isinstance(task, Localize) or own is None:
            raise UserError("--max-box-acc needs boxes from maps and true boxes: --task localize or --map, and --boxes")
        inputs = all_inputs(saved, dataset, where, rows)
        figures |= task.max_box_acc(saved.model, inputs, labels, own, saved.spec.image_size)
    return dict(_by_class(figures, saved.classes))


def _with_boxes(saved: SavedModel, source: str, run: Path) -> SavedModel:
    """The same classifier, whose boxes come from one of its maps."""
    if source not in MAPS:
        raise UserError(f"there is no map '{source}'; {nearest(source, MAPS)}")
    if saved.task == "multilabel":
        raise UserError(f"{run} is of task multilabel, whose images have no single class to look for; leave --map out")
    classifier = saved.model.classifier if isinstance(saved.model, Localizer) else saved.model
    model = Localizer(classifier, None, BoxRule(source)).to(next(classifier.parameters()).device).eval()
    return replace(saved, model=model, task="localize")


def _by_class(figures: dict[str, Any], classes: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """A figure of each class is named as ``AP(CLASS)``."""
    for name, value in figures.items():
        if isinstance(value, list):
            yield from ((f"{name}({one})", of_one) for one, of_one in zip(classes, value, strict=True))
        else:
            yield name, value


def all_answers(
    task: Task, saved: SavedModel, dataset: Dataset, device: torch.device, rows: Tensor, classes: Tensor | None = None
) -> Answers:
    """What a model says of some rows of a data set, whose classes may be known."""
    return task.answers(saved.model, all_inputs(saved, dataset, device, rows), classes)


def all_inputs(saved: SavedModel, dataset: Dataset, device: torch.device, rows: Tensor) -> Iterator[Tensor]:
    """The images as they are, as the model wants them, in batches."""
    spec = saved.spec
    store = open_store(dataset, spec.image_size, spec.channels, device, MEMORY, 0)
    return Images(store, Normalize(spec.mean, spec.std).to(device)).plain(rows)
