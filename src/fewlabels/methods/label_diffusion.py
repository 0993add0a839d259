"""Soft labels of all images: the agreement of a graph and a linear classifier, balanced to the class shares.

Legend: N images of the graph, L labelled ones, D features, C classes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from scipy.special import log_softmax, softmax

from fewlabels.methods.class_shares import RELAXED, Shares, balance, choose_shares, class_shares, differ
from fewlabels.methods.graph import balanced_seeds, diffuse
from fewlabels.methods.probing import LinearFit, one_blas_thread

DIFFUSION = {"iterations": 200, "tolerance": 1e-9}
"""Limits of the conjugate gradients."""
REGRESSION = {"maxiter": 500, "maxfun": 1000, "ftol": 1e-12, "gtol": 1e-5}
"""Limits of L-BFGS, which usually stops after 50 to 100 iterations."""
WIDTH = 256
"""Principal components that a regression on all images uses. On CUB all 1280 were as accurate, in twice the time."""
FLOOR = 1e-4
"""Least diffused probability of a class, so that an image in another cluster can still be given any class."""


@dataclass(frozen=True)
class GraphFit:
    """Fits a linear classifier to few labels and a graph of all images."""

    alpha: float
    """From 0 to below 1; the larger, the farther labels spread over the graph."""
    sharpness: float
    """Factor of the classifier's logits before they are combined with the diffused labels."""
    rounds: int
    """How often soft labels are computed and the classifier is fitted to them."""
    C: float
    """Inverse strength of the L2 penalty of the classifier."""
    shares: Shares
    """The class shares that soft labels are balanced to."""

    @one_blas_thread
    def fit(
        self, features: np.ndarray, graph: csr_matrix, known: np.ndarray, labels: np.ndarray, classes: int
    ) -> LinearFit:
        """Fit the classifier.

        Args:
            features: (N, D) float64.
            graph: (N, N) symmetric weights without self-loops.
            known: (L,) rows of the labelled images.
            labels: (L,) int64 their classes.
            classes: C.
        """
        diffused = diffused_labels(graph, known, labels, classes, self.alpha)
        counts = np.bincount(labels, minlength=classes)
        start = fit_soft(features[known], np.eye(classes)[labels], np.ones(len(known)), self.C)
        shares = choose_shares(counts[counts > 0]) if self.shares == "auto" else self.shares
        if self.shares == "auto" and shares == "equal":
            free = self._refit(start, features, diffused, known, labels, "free")
            found = combined(self.sharpness * free.logits(features), diffused).mean(0)[counts > 0]
            shares = "relaxed" if differ(found, counts[counts > 0].mean()) else "equal"
        return self._refit(start, features, diffused, known, labels, shares)

    def _refit(
        self, found: LinearFit, features: np.ndarray, diffused: np.ndarray, known: np.ndarray, labels: np.ndarray,
        shares: Shares,
    ) -> LinearFit:  # fmt: skip
        """Compute soft labels and fit the classifier to them, in turns."""
        classes = diffused.shape[1]
        wanted = class_shares(shares, np.bincount(labels, minlength=classes))
        for _ in range(self.rounds):
            soft = combined(self.sharpness * found.logits(features), diffused)
            if wanted is not None:
                soft = balance(soft, wanted, RELAXED if shares == "relaxed" else 1.0)
            soft[known] = np.eye(classes)[labels]
            found = fit_soft(features, soft, certainty(soft), self.C, found)
        return found


def diffused_labels(graph: csr_matrix, known: np.ndarray, labels: np.ndarray, classes: int, alpha: float) -> np.ndarray:
    """Compute (N, C) diffused labels, whose rows sum to 1; uniform for an image that no label reaches."""
    seeds = balanced_seeds(len(graph.indptr) - 1, classes, known, labels)
    spread = np.maximum(diffuse(graph, seeds, alpha, **DIFFUSION), 0)
    total = spread.sum(1, keepdims=True)
    return np.divide(spread, total, out=np.full_like(spread, 1 / classes), where=total > 0)


def combined(logits: np.ndarray, diffused: np.ndarray) -> np.ndarray:
    """Multiply the softmax of logits (N, C) with diffused labels (N, C), and scale each row to a sum of 1."""
    product = softmax(logits, axis=1) * np.maximum(diffused, FLOOR)
    return product / product.sum(1, keepdims=True)


def certainty(soft: np.ndarray) -> np.ndarray:
    """Compute 1 - entropy / log C of each row (N, C), from 0 to 1."""
    entropy = -(soft * np.log(np.maximum(soft, np.finfo(np.float64).tiny))).sum(1)
    return np.clip(1 - entropy / np.log(soft.shape[1]), 0, 1)


def fit_soft(
    features: np.ndarray, soft: np.ndarray, weights: np.ndarray, C: float, start: LinearFit | None = None
) -> LinearFit:
    """Fit a logistic regression to soft labels, which scikit-learn's does not take.

    It minimises |W|^2 / 2 + C sum_i w_i H(p_i, softmax(W x_i + b)) with the cross-entropy H.

    Args:
        features: (n, D) float64 x.
        soft: (n, C) float64 p.
        weights: (n,) float64 w, not negative.
        C: inverse strength of the penalty.
        start: where the optimiser starts; None for zeros.
    """
    width, classes = features.shape[1], soft.shape[1]
    begin = np.zeros((classes, width + 1)) if start is None else np.column_stack([start.weight, start.bias])

    def loss_and_gradient(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = flat.reshape(classes, width + 1)
        logs = log_softmax(features @ table[:, :-1].T + table[:, -1], axis=1)
        error = C * weights[:, None] * (np.exp(logs) * soft.sum(1, keepdims=True) - soft)
        gradient = np.column_stack([error.T @ features + table[:, :-1], error.sum(0)])
        loss = -C * (weights * (soft * logs).sum(1)).sum() + 0.5 * (table[:, :-1] ** 2).sum()
        return float(loss), gradient.ravel()

    found = minimize(loss_and_gradient, begin.ravel(), jac=True, method="L-BFGS-B", options=REGRESSION).x
    table = found.reshape(classes, width + 1)
    return LinearFit(table[:, :-1], table[:, -1])


def principal_axes(features: np.ndarray) -> np.ndarray:
    """Return the :data:`WIDTH` axes (D, W) of largest variance of centred features (N, D); all D if there are fewer."""
    if features.shape[1] <= WIDTH:
        return np.eye(features.shape[1])
    return np.linalg.eigh(features.T @ features)[1][:, : -WIDTH - 1 : -1]
