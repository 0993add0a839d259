"""The doubted labels of a run, as rows for a person."""

import numpy as np
import torch

from fewlabels.auto.heads import Given
from fewlabels.errors import UserError
from fewlabels.exports.run_labels import RunLabels
from fewlabels.exports.source_images import read_all_images, row_numbers
from fewlabels.options import TrainOptions
from fewlabels.review.collection import pixel_features, untrained_features
from fewlabels.review.doubted_labels import doubted

COLUMNS = ("path", "given", "suggested", "score", "reason")
THUMBNAIL = 16
"""Side in pixels of the images in which copies are found."""


def doubt_run(found: RunLabels, data: TrainOptions) -> tuple[list[tuple[str, ...]], int]:
    """Check the given labels of a run.

    Features are those of the run's pretrained network where it was kept fixed. A network that was trained has learned
    the wrong labels too, so the default network takes its place.

    Args:
        found: the labels of the run.
        data: its options, with the present places of the data.

    Returns:
        rows of :data:`COLUMNS`, and the number of labels that were checked.

    Raises:
        UserError: the task has no single class per image, or there are too few labels.
    """
    if found.task.name == "multilabel":
        raise UserError(f"doubt needs one class for each image, and {found.run} has several labels")
    dataset = read_all_images(found, data)
    training = row_numbers(dataset, [row["path"] for row in found.training], data.data)
    names = {name: k for k, name in enumerate(dataset.classes)}
    labels = np.array([names.get(row["given"], -1) for row in found.training], np.int64)
    if (np.bincount(labels[labels >= 0], minlength=1) > 1).sum() < 2:
        raise UserError(
            f"{found.run}: doubt compares labels of the same class, and needs two of at least two classes; label more "
            "and train again"
        )
    features = untrained_features(with_its_network(data), dataset)
    given = Given(np.flatnonzero(labels >= 0), labels[labels >= 0])
    thumbnails = pixel_features(dataset, THUMBNAIL, torch.from_numpy(training[given.rows]))
    doubts = doubted(features[training], thumbnails, given, len(dataset.classes))
    path = [row["path"] for row in found.training]
    rows = [
        (
            path[each.row], dataset.classes[labels[each.row]], dataset.classes[each.suggested], f"{each.score:.4f}",
            "the other labels contradict it" if each.copy_of is None else f"looks the same as {path[each.copy_of]}",
        )
        for each in doubts
    ]  # fmt: skip
    return rows, len(given.labels)


def with_its_network(options: TrainOptions) -> TrainOptions:
    """Return the options of a run with the network that it kept fixed, and with everything else decided again."""
    again = ["steps", "statistics", "clip", "lr", "backbone_lr", "batch_size", "eval_every", "device"]
    if not options.freeze or options.task == "localize":  # whose images are larger
        again += ["freeze", "backbone", "weights", "image_size", "precision", "layout"]
    return options.replaced(dict.fromkeys(again) | {"engine": "auto"})
