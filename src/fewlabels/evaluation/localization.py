"""Metrics for one box per image, under their usual names, as fractions from 0 to 1.

Boxes are (x0, y0, x1, y1) in fractions of the image, half-open. A box is correct at an IoU of 0.5 or more with any true
box of its image, and all images have the same weight (docs/papers/lchp.md, L-5).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.models.maps.cam import enlarge
from fewlabels.models.maps.regions import scaled

CORRECT_IOU = 0.5
"""The smallest IoU at which a box is correct."""
NUM_THRESHOLDS = 100
"""Number of thresholds in :func:`max_box_accuracy`."""


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Compute the intersection over union, (...) float64 in [0, 1], of boxes (..., 4) in any unit, with broadcasting.

    A box without area, or with corners in the wrong order, has an IoU of 0 with every box, including itself.
    """
    a, b = a.double(), b.double()
    common = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    return torch.where(either > 0, common / either, 0.0)


def _area(first: Tensor, last: Tensor) -> Tensor:
    return (last - first).clamp_min(0).prod(-1)


def best_iou(boxes: Tensor, true: TrueBoxes) -> Tensor:
    """Compute the largest IoU, (N,) float64, of each of the (N, 4) boxes with the true boxes of its image.

    NaN where the image has no true box; ``true.row`` are indices into ``boxes``.
    """
    row, corners = torch.as_tensor(true.row), torch.as_tensor(true.corners)
    ious = iou(boxes.cpu()[row], corners)
    none = torch.full((len(boxes),), torch.nan, dtype=torch.float64)
    return none.scatter_reduce(0, row, ious, "amax", include_self=False)


def localization_metrics(probabilities: Tensor, labels: Tensor, ious: Tensor) -> dict[str, float | int]:
    """Compute the metrics of one split for the report and ``metrics.json``.

    Args:
        probabilities: (N, K) floating point.
        labels: (N,) int64 in [0, K), or UNLABELLED; such images are ignored in metrics of classes.
        ious: (N,) from :func:`best_iou`; images with NaN, without a true box, are ignored in metrics of boxes.

    Returns:
        ``num_images``; ``num_labelled`` and ``num_boxed``, the images with a label and with a true box; ``accuracy``;
        ``gt_known``, the fraction of correct boxes, and ``mean_iou``; ``top1_loc`` and ``top5_loc``, the fractions
        where in addition the class is the most probable one, or among the five most probable ones (all if there are
        fewer). Metrics without any image are omitted. Empty when there are no images.
    """
    if len(labels) == 0:
        return {}
    probabilities, labels, ious = probabilities.detach().cpu(), labels.cpu(), ious.cpu()
    found = probabilities.argsort(dim=1, descending=True, stable=True)[:, :5] == labels[:, None]
    top1, top5 = found[:, 0], found.any(1)
    right, known, boxed = ious >= CORRECT_IOU, labels != UNLABELLED, ~ious.isnan()
    counts = {"num_images": len(labels), "num_labelled": int(known.sum()), "num_boxed": int(boxed.sum())}
    figures = {
        "accuracy": top1[known],
        "gt_known": right[boxed],
        "top1_loc": (right & top1)[boxed & known],
        "top5_loc": (right & top5)[boxed & known],
        "mean_iou": ious[boxed],
    }
    return counts | {name: float(values.double().mean()) for name, values in figures.items() if len(values)}


class KeptBoxes(NamedTuple):
    """The boxes above one threshold of the confidence."""

    threshold: float
    kept: int
    """Number of images with a greater confidence."""
    gt_known: float | None
    """Fraction of correct boxes among those with a true box; None when there is none."""


def kept_by_confidence(
    confidence: Tensor, ious: Tensor, thresholds: Sequence[float] = (0, 0.5, 0.6, 0.7, 0.8, 0.9)
) -> list[KeptBoxes]:
    """Count the boxes above each threshold and the correct ones among them (LCHP, Table 4, left half).

    Args:
        confidence: (N,) confidence of the classifier in the crop of each box.
        ious: (N,) from :func:`best_iou`.
        thresholds: from 0 to 1; LCHP's by default.
    """
    ious, rows = ious.cpu(), [(confidence > threshold).cpu() for threshold in thresholds]
    boxed = [ious[row][~ious[row].isnan()] for row in rows]
    return [
        KeptBoxes(threshold, int(row.sum()), float((values >= CORRECT_IOU).double().mean()) if len(values) else None)
        for threshold, row, values in zip(thresholds, rows, boxed, strict=True)
    ]


def max_box_accuracy(maps: Tensor, true: TrueBoxes, side: int) -> dict[str, float]:
    """Compute MaxBoxAcc, versions 1 and 2 (Choe et al., CVPR 2020): box accuracy at the best common threshold.

    Version 1 uses the box of the largest component at an IoU of 0.5. Version 2 uses the best component, and averages
    the accuracies at 0.3, 0.5 and 0.7, each with its own best threshold. Both choose the threshold by the true boxes,
    so they measure the quality of maps and not the result of a method. Components are 8-connected, like OpenCV's
    contours. Thresholds are 0 to 0.99 in steps of 0.01; wsolevaluation uses steps of 0.001, which takes ten times as
    long. Its boxes are in whole pixels, both ends inclusive; ours are half-open fractions. A map without foreground at
    a threshold counts as a miss.

    Args:
        maps: (N, h, w) floating point, unscaled.
        true: true boxes, with indices into the maps as rows; maps without a true box are ignored.
        side: maps are resized to side x side, one by one, before they are scaled to 0 to 1.

    Returns:
        ``max_box_acc`` and ``max_box_acc_v2``; empty when no map has a true box.
    """
    row, corners = torch.as_tensor(true.row), torch.as_tensor(true.corners)
    if len(row) == 0:
        return {}

    def pixels(number: int) -> np.ndarray:
        return scaled(enlarge(maps[number : number + 1].detach().float().cpu(), side), "min-max")[0].numpy()

    ious = torch.stack([_ious_by_threshold(pixels(n), corners[row == n]) for n in row.unique().tolist()])
    largest, best = ious.unbind(1)
    shares = [(best >= enough).double().mean(0).max() for enough in (0.3, 0.5, 0.7)]
    first = (largest >= CORRECT_IOU).double().mean(0).max()
    return {"max_box_acc": float(first), "max_box_acc_v2": float(torch.stack(shares).mean())}


def _ious_by_threshold(pixels: np.ndarray, corners: Tensor) -> Tensor:
    """Compute (2, NUM_THRESHOLDS): the best IoU with any true box of the largest component, and of any component."""
    result, labels = torch.zeros(2, NUM_THRESHOLDS, dtype=torch.float64), np.empty(pixels.shape, np.int32)
    for step in range(NUM_THRESHOLDS):
        ndimage.label(pixels > step / NUM_THRESHOLDS, np.ones((3, 3)), output=labels)
        if labels.any():
            ious = iou(_boxes(labels)[:, None], corners).amax(1)
            result[:, step] = torch.stack([ious[np.bincount(labels.flat)[1:].argmax()], ious.max()])
    return result


def _boxes(labels: np.ndarray) -> Tensor:
    """Compute (components, 4) float64 boxes of an (h, w) map of component numbers; 0 is background."""
    height, width = labels.shape
    slices = ndimage.find_objects(labels)
    edges = [(x.start / width, y.start / height, x.stop / width, y.stop / height) for y, x in slices]
    return torch.tensor(edges, dtype=torch.float64)


def mean_area(boxes: Tensor) -> float:
    """Return the mean area of (N, 4) boxes as a share of their images, from 0 to 1; N is at least 1."""
    return float((boxes[:, 2:] - boxes[:, :2]).double().prod(1).mean())


def centred_box(side: float = 0.8) -> Tensor:
    """Return a centred box that covers this fraction of each side, (4,) float64: a baseline that needs no map.

    Its GT-Known on the test images of CUB's first 50 classes is 44.7 %; that of the whole image (side 1) is 20.9 %.
    """
    assert 0 < side <= 1
    return torch.tensor([1 - side, 1 - side, 1 + side, 1 + side], dtype=torch.float64) / 2
