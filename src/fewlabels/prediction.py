"""A trained model on new images."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fewlabels.augment.views import Normalize
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.folder import list_images
from fewlabels.data.store import open_store
from fewlabels.errors import UserError, nearest
from fewlabels.evaluation.classification import classification_metrics
from fewlabels.models.inference import probabilities
from fewlabels.report.saved_model import SavedModel, load_model
from fewlabels.training.images import Images
from fewlabels.training.machine import pick_device

MEMORY = 2 * 2**30
"""Bytes of decoded images to hold at once; more are decoded as they are needed."""


@dataclass(frozen=True)
class Predicted:
    """The model's word on some images."""

    paths: tuple[str, ...]
    classes: tuple[str, ...]
    probabilities: Tensor
    """(N, K) float32."""

    @property
    def labels(self) -> list[str]:
        """The most likely class of each image."""
        return [self.classes[k] for k in self.probabilities.argmax(1).tolist()]

    def to_csv(self, all_classes: bool = False) -> str:
        """``path,label,confidence`` and, where asked for, a column ``p(CLASS)`` per class."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", "label", "confidence", *([f"p({c})" for c in self.classes] if all_classes else [])])
        for path, label, row in zip(self.paths, self.labels, self.probabilities.tolist(), strict=True):
            writer.writerow([path, label, f"{max(row):.6f}", *([f"{p:.6f}" for p in row] if all_classes else [])])
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
    return Predicted(dataset.paths, saved.classes, class_probabilities(saved, dataset, where)), dataset.notes


def evaluate(run: Path, dataset: Dataset, split: int | None, device: str | None = None) -> dict[str, float | int]:
    """The figures of a run's model on the labelled images of a data set, or of one split of it.

    Raises:
        UserError: for a class that the model does not know, or no labelled image.
    """
    where = pick_device(device)
    saved = load_model(run, where)
    rows = np.arange(len(dataset)) if split is None else dataset.rows(split)
    rows = rows[dataset.labels[rows] != UNLABELLED]
    if not len(rows):
        raise UserError(f"{dataset.name}: no image there has a label to compare with; give --labels or another --split")
    index = {name: k for k, name in enumerate(saved.classes)}
    for name in sorted({dataset.classes[k] for k in dataset.labels[rows]}):
        if name not in index:
            raise UserError(f"{dataset.name}: class '{name}' is unknown to {run}; {nearest(name, saved.classes)}")
    labels = torch.tensor([index[dataset.classes[k]] for k in dataset.labels[rows]])
    return classification_metrics(class_probabilities(saved, dataset, where, torch.from_numpy(rows)), labels)


def class_probabilities(
    saved: SavedModel, dataset: Dataset, device: torch.device, rows: Tensor | None = None
) -> Tensor:
    """(N, K) float32: what a model says of all images of a data set, or of some rows."""
    spec = saved.spec
    store = open_store(dataset, spec.image_size, spec.channels, device, MEMORY, 0)
    images = Images(store, Normalize(spec.mean, spec.std).to(device))
    return probabilities(saved.model, images.plain(torch.arange(len(dataset)) if rows is None else rows))
