"""Metrics for one class per image, under their usual names, as fractions from 0 to 1."""

from math import sqrt
from statistics import NormalDist

import torch
from torch import Tensor
from torch.nn.functional import nll_loss
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_recall,
)

_SMALLEST = 1e-12
_BELOW_ONE = 1 - 1e-7


def wilson_interval(correct: int, total: int, level: float = 0.95) -> tuple[float, float]:
    """Compute the confidence interval of a proportion ``correct / total`` (Wilson, 1927).

    Unlike the normal approximation, it stays inside [0, 1] and is valid for proportions of 0 and 1.

    Args:
        correct: from 0 to ``total``.
        total: at least 1.
        level: confidence level, between 0 and 1.

    Returns:
        Lower and upper bound.
    """
    assert 0 <= correct <= total
    assert total > 0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, shrink = correct / total, 1 + z * z / total
    centre = (share + z * z / (2 * total)) / shrink
    half = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / shrink
    return (0.0 if correct == 0 else centre - half), (1.0 if correct == total else centre + half)


def confusion(predicted: Tensor, labels: Tensor, num_classes: int) -> list[list[int]]:
    """Count images by true class (row) and predicted class (column).

    Args:
        predicted: (N,) int64 in [0, num_classes).
        labels: (N,) int64 in [0, num_classes).
        num_classes: at least 2.
    """
    return multiclass_confusion_matrix(predicted, labels, num_classes).tolist()


def _balanced_accuracy(predicted: Tensor, labels: Tensor, num_classes: int) -> float:
    """Average the recall over the classes with images; torchmetrics counts a predicted class without images as 0."""
    recall = multiclass_recall(predicted, labels, num_classes, average="none")
    return float(recall[labels.unique()].mean())


def _calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """Compute the expected calibration error over 15 equal bins (Guo et al., 2017).

    torchmetrics puts a confidence of exactly 1 in a separate bin and treats values above 1 (rounding) as logits, so
    probabilities are clamped below 1.
    """
    inside = probabilities.clamp(0, _BELOW_ONE)
    return float(multiclass_calibration_error(inside, labels, probabilities.shape[1], n_bins=15, norm="l1"))


def classification_metrics(probabilities: Tensor, labels: Tensor) -> dict[str, float | int]:
    """Compute the metrics of one split for the report and ``metrics.json``.

    Args:
        probabilities: (N, K) floating point, K at least 2, rows sum to 1.
        labels: (N,) int64 in [0, K).

    Returns:
        ``num_images``, ``accuracy`` with its 95 % Wilson interval ``accuracy_low``..``accuracy_high``,
        ``balanced_accuracy``, ``macro_f1``, ``nll`` (nats; probabilities are clamped to at least 1e-12),
        ``calibration_error`` and, for more than five classes, ``top5_accuracy``. Empty when there are no images.
    """
    num_images, num_classes = probabilities.shape
    if num_images == 0:
        return {}
    probabilities = probabilities.detach().float()
    predicted = probabilities.argmax(1)
    correct = int((predicted == labels).sum())
    low, high = wilson_interval(correct, num_images)
    metrics: dict[str, float | int] = {
        "num_images": num_images,
        "accuracy": correct / num_images,
        "accuracy_low": low,
        "accuracy_high": high,
        "balanced_accuracy": _balanced_accuracy(predicted, labels, num_classes),
        "macro_f1": float(multiclass_f1_score(predicted, labels, num_classes, average="macro")),
        "nll": float(nll_loss(torch.log(probabilities.clamp(min=_SMALLEST)), labels)),
        "calibration_error": _calibration_error(probabilities, labels),
    }
    if num_classes > 5:
        top5 = multiclass_accuracy(probabilities, labels, num_classes, average="micro", top_k=5)
        metrics["top5_accuracy"] = float(top5)
    return metrics
