"""Metrics for several labels per image, under their usual names, as fractions from 0 to 1."""

import numpy as np
from sklearn.metrics import precision_recall_curve
from torch import Tensor

from fewlabels.data.dataset import PRESENT, UNKNOWN

Metrics = dict[str, "float | int | list[float | None]"]


def average_precisions(scores: np.ndarray, present: np.ndarray) -> tuple[float, float]:
    """Compute the average precision of one class by two conventions, plain and interpolated.

    Plain: the mean of the precisions at the positives; images of equal score are one step, as in scikit-learn.
    Interpolated (VOC since 2010): the area under the curve of the best precision at each recall or more.

    Args:
        scores: (N,) floating point; higher scores rank first.
        present: (N,) bool, at least one of them true.
    """
    precision, recall, _ = precision_recall_curve(present, scores)  # by rising precision: recall falls from 1 to 0
    steps = -np.diff(recall)
    best = np.maximum.accumulate(precision)
    return float(steps @ precision[:-1]), float(steps @ best[:-1])


def multilabel_metrics(probabilities: Tensor, labels: Tensor) -> Metrics:
    """Compute the metrics of one split for the report and ``metrics.json``.

    Unknown labels are ignored. A class without a positive among the known labels is excluded from all metrics, and
    counted. A class is predicted at a probability of 0.5 or more.

    Args:
        probabilities: (N, K) floating point in [0, 1].
        labels: (N, K) int8: PRESENT, ABSENT or UNKNOWN.

    Returns:
        ``num_images`` with a known label and ``classes_without_positives``; ``AP``, K plain average precisions with
        None for the excluded classes; their mean ``mAP``, and ``mAP_voc``, the mean of the interpolated ones;
        precision, recall and F1 over all labels, ``OP``, ``OR``, ``OF1``; the means of precision and recall over the
        classes, ``CP`` and ``CR``, and ``CF1``, the harmonic mean of these two (not the mean of F1). A class that is
        never predicted counts one false prediction, as in the code of HCP-MLR-PL, which defines these metrics
        (docs/papers/saliency-regularization.md, S-4). Empty when no label is known; only the counts and ``AP`` when no
        class has a positive.
    """
    scores, marks = probabilities.detach().double().cpu().numpy(), labels.cpu().numpy()
    assert scores.shape == marks.shape
    known, present = marks != UNKNOWN, marks == PRESENT
    if not known.any():
        return {}
    scored = np.flatnonzero(present.any(0))
    pairs = {k: average_precisions(scores[known[:, k], k], present[known[:, k], k]) for k in scored.tolist()}
    metrics: Metrics = {
        "num_images": int(known.any(1).sum()),
        "classes_without_positives": marks.shape[1] - len(scored),
        "AP": [pairs[k][0] if k in pairs else None for k in range(marks.shape[1])],
    }
    if not pairs:
        return metrics
    plain, interpolated = np.mean(list(pairs.values()), axis=0).tolist()
    predicted = (scores >= 0.5) & known
    counts = ((predicted & present).sum(0), predicted.sum(0), present.sum(0))
    return metrics | {"mAP": plain, "mAP_voc": interpolated} | _rates(*(count[scored] for count in counts))


def _rates(correct: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    predicted = predicted.clip(min=1)
    overall = float(correct.sum() / predicted.sum()), float(correct.sum() / true.sum())
    by_class = float((correct / predicted).mean()), float((correct / true).mean())
    return {
        "OP": overall[0],
        "OR": overall[1],
        "OF1": _harmonic(*overall),
        "CP": by_class[0],
        "CR": by_class[1],
        "CF1": _harmonic(*by_class),
    }


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
