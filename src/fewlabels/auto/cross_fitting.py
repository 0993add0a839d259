"""Cross-fitting of classifiers on cached features: every label is predicted by a fit that did not see it.

Legend: L labelled images, K classes.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from fewlabels.evaluation.folds import Folds

Predict = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the indices that are fitted and those that are held out to the logits (n, K) of the latter."""


def held_out_logits(predict: Predict, folds: Folds) -> tuple[np.ndarray, np.ndarray]:
    """Return the images that are held out in some fold, and their logits."""
    rows = np.concatenate([held for _, held in folds])
    return rows, np.concatenate([predict(fit, held) for fit, held in folds])


def log_loss_at_best_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Compute the mean log-loss in nats at the temperature that minimises it.

    Candidates differ in how sharp their probabilities are, which calibration repairs later; this compares the rest.

    Args:
        logits: (n, K).
        labels: (n,) int64.
    """
    scaled = logits / max(float(logits.std()), 1e-12)

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(scaled / np.exp(log_temperature), axis=1)[np.arange(len(labels)), labels].mean())

    return float(minimize_scalar(loss, bounds=(-4, 4), method="bounded").fun)  # pyright: ignore[reportAttributeAccessIssue]
