"""Figures of merit for one box per image, each under its usual name, as fractions from 0 to 1.

Boxes are (x0, y0, x1, y1) in fractions of the image, half-open; a box counts as right at an IoU of 0.5 or more with any
true box of its image, and every image counts the same (METHODS 4.4).
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

ENOUGH = 0.5
"""The IoU from which on a box is right."""
STEPS = 100
"""How many thresholds :func:`max_box_accuracy` tries."""


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union, (...) float64 in [0, 1], of boxes (..., 4) in any unit; shapes are broadcast.

    A box without area, or inside out, has an IoU of 0 with every box, itself included.
    """
    a, b = a.double(), b.double()
    common = _area(torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:]))
    either = _area(a[..., :2], a[..., 2:]) + _area(b[..., :2], b[..., 2:]) - common
    return torch.where(either > 0, common / either, 0.0)


def _area(first: Tensor, last: Tensor) -> Tensor:
    return (last - first).clamp_min(0).prod(-1)


def best_iou(boxes: Tensor, true: TrueBoxes) -> Tensor:
    """(N,) float64: the IoU of each of the (N, 4) boxes with that true box of its image that it meets best.

    NaN where the image has no true box; ``true.row`` numbers the rows of ``boxes``.
    """
    row, corners = torch.as_tensor(true.row), torch.as_tensor(true.corners)
    ious = iou(boxes.cpu()[row], corners)
    none = torch.full((len(boxes),), torch.nan, dtype=torch.float64)
    return none.scatter_reduce(0, row, ious, "amax", include_self=False)


def localization_metrics(probabilities: Tensor, labels: Tensor, ious: Tensor) -> dict[str, float | int]:
    """Every figure the report and ``metrics.json`` hold for one split.

    Args:
        probabilities: (N, K) floating point.
        labels: (N,) int64 in [0, K), or UNLABELLED; such an image counts for no figure that is about classes.
        ious: (N,) from :func:`best_iou`; an image of NaN, without a true box, counts for no figure about boxes.

    Returns:
        ``num_images``, how many of them have a label, ``num_labelled``, and a true box, ``num_boxed``; ``accuracy``;
        ``gt_known``, the share of right boxes, and ``mean_iou``; ``top1_loc`` and ``top5_loc``, the shares where also
        the class is the likeliest one, or one of the five likeliest, or of all when there are fewer. A figure that no
        image counts for is left out. Empty when there are no images.
    """
    if len(labels) == 0:
        return {}
    probabilities, labels, ious = probabilities.detach().cpu(), labels.cpu(), ious.cpu()
    found = probabilities.argsort(dim=1, descending=True, stable=True)[:, :5] == labels[:, None]
    top1, top5 = found[:, 0], found.any(1)
    right, known, boxed = ious >= ENOUGH, labels != UNLABELLED, ~ious.isnan()
    counts = {"num_images": len(labels), "num_labelled": int(known.sum()), "num_boxed": int(boxed.sum())}
    figures = {
        "accuracy": top1[known],
        "gt_known": right[boxed],
        "top1_loc": (right & top1)[boxed & known],
        "top5_loc": (right & top5)[boxed & known],
        "mean_iou": ious[boxed],
    }
    return counts | {name: float(values.double().mean()) for name, values in figures.items() if len(values)}


class Kept(NamedTuple):
    """What one threshold of the confidence keeps."""

    threshold: float
    kept: int
    """Images of a greater confidence."""
    gt_known: float | None
    """The share of right boxes among those of them that have a true box; None when there is none."""


def kept_by_confidence(
    confidence: Tensor, ious: Tensor, thresholds: Sequence[float] = (0, 0.5, 0.6, 0.7, 0.8, 0.9)
) -> list[Kept]:
    """How many boxes each threshold keeps and how good they are: LCHP's Table 4, left half.

    Args:
        confidence: (N,) of the classifier on each box's crop.
        ious: (N,) from :func:`best_iou`.
        thresholds: LCHP's by default, from 0 to 1.
    """
    ious, rows = ious.cpu(), [(confidence > threshold).cpu() for threshold in thresholds]
    boxed = [ious[row][~ious[row].isnan()] for row in rows]
    return [
        Kept(threshold, int(row.sum()), float((values >= ENOUGH).double().mean()) if len(values) else None)
        for threshold, row, values in zip(thresholds, rows, boxed, strict=True)
    ]


def max_box_accuracy(maps: Tensor, true: TrueBoxes, side: int) -> dict[str, float]:
    """MaxBoxAcc, versions 1 and 2 (Choe et al., CVPR 2020): the boxes of maps at the threshold that is best for all.

    Version 1 takes the box of the largest component at an IoU of 0.5; version 2 that of the best component, and means
    the accuracies at 0.3, 0.5 and 0.7, each with its own best threshold. Both look at true boxes to choose a threshold,
    so they say what maps are worth and not what a method reaches. Components are 8-connected, as OpenCV's contours. The
    thresholds are 0 to 0.99 in steps of 0.01, where wsolevaluation takes 0.001 and ten times the time; its boxes are in
    whole pixels, both ends inside, ours are half-open fractions. A threshold that leaves nothing leaves a miss.

    Args:
        maps: (N, h, w) floating point, as they come.
        true: its rows number the maps; maps without a true box are left out.
        side: of the squares that the maps are enlarged to, one by one, before each is brought to 0 to 1.

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
    first = (largest >= ENOUGH).double().mean(0).max()
    return {"max_box_acc": float(first), "max_box_acc_v2": float(torch.stack(shares).mean())}


def _ious_by_threshold(pixels: np.ndarray, corners: Tensor) -> Tensor:
    """(2, STEPS): the best IoU with any of the true boxes of the largest component, and of any component."""
    result, labels = torch.zeros(2, STEPS, dtype=torch.float64), np.empty(pixels.shape, np.int32)
    for step in range(STEPS):
        ndimage.label(pixels > step / STEPS, np.ones((3, 3)), output=labels)
        if labels.any():
            ious = iou(_boxes(labels)[:, None], corners).amax(1)
            result[:, step] = torch.stack([ious[np.bincount(labels.flat)[1:].argmax()], ious.max()])
    return result


def _boxes(labels: np.ndarray) -> Tensor:
    """(components, 4) float64 of an (h, w) map that has the number of a component in each pixel, or 0."""
    height, width = labels.shape
    slices = ndimage.find_objects(labels)
    edges = [(x.start / width, y.start / height, x.stop / width, y.stop / height) for y, x in slices]
    return torch.tensor(edges, dtype=torch.float64)


def centred_box(side: float = 0.8) -> Tensor:
    """(4,) float64: the box about the centre that covers this share of each side, what no map has to be asked for.

    Its GT-Known on the test images of CUB's first 50 classes is 44.7 %; that of the whole image, side 1, is 20.9 %.
    """
    assert 0 < side <= 1
    return torch.tensor([1 - side, 1 - side, 1 + side, 1 + side], dtype=torch.float64) / 2
