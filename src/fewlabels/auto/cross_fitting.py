"""Cross-fitting of classifiers on cached features: every label is predicted by a fit that did not see it.

Legend: L labelled images, K classes.
"""

import numpy as np

from fewlabels.evaluation.calibration import fit_temperature
from fewlabels.evaluation.folds import Folds
from fewlabels.methods.method import Refit


def held_out_logits(predict: Refit, folds: Folds) -> tuple[np.ndarray, np.ndarray]:
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
    return fit_temperature(logits, labels)[1]
