"""Folds of labelled images for cross-fitting."""

import warnings

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

Folds = list[tuple[np.ndarray, np.ndarray]]
"""Pairs of indices into the labelled images: those that are fitted and those that are held out."""


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> Folds:
    """Split labelled images into folds; the only image of a class is always fitted and never held out.

    Args:
        labels: (L,) int64 classes.
        folds: number of folds, at most; no more than the largest class has images.
        seed: of the assignment.

    Returns:
        An empty list unless two classes have two images each.
    """
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts >= 2).sum() < 2:
        return []
    scored = counts[inverse] >= 2
    rows, always = np.flatnonzero(scored), np.flatnonzero(~scored)
    splitter = StratifiedKFold(min(folds, int(counts.max())), shuffle=True, random_state=seed % (1 << 32))
    with warnings.catch_warnings():
        # A class with fewer images than folds is valid: its images are in different folds.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        return [(np.concatenate([rows[fit], always]), rows[held]) for fit, held in splitter.split(rows, labels[rows])]


def plain_folds(rows: np.ndarray, folds: int, seed: int) -> Folds:
    """Split rows (n,), two or more, into at most n folds of about equal size."""
    splitter = KFold(min(folds, len(rows)), shuffle=True, random_state=seed % (1 << 32))
    return [(rows[fit], rows[held]) for fit, held in splitter.split(rows)]
