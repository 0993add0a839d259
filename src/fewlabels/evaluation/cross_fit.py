"""The accuracy without test images, estimated: a probe is fitted on some labels and asked for the others."""

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import normalize

from fewlabels.evaluation.classification import wilson_interval

MOST_FOLDS = 5
MOST_IMAGES = 5000
"""More would be slow and hardly sharper: at 5000 the interval is less than 1.5 points from the figure."""


def _sentence(folds: int, single: int) -> str:
    """Say what the estimate is, in words that need no statistics."""
    left_out = ""
    if single:
        which = (
            "The one class with a single labelled image is"
            if single == 1
            else f"The {single} classes with a single labelled image are"
        )
        left_out = f" {which} left out of the count."
    return (
        f"There is no test split, so this is an estimate: a simple classifier was fitted on the trained features of "
        f"some labelled images and asked for the others, in {folds} rounds. The features saw these labels during "
        f"training, so the figure is optimistic; the interval counts only the chance of having drawn these images "
        f"(binomial).{left_out}"
    )


def _correct(features: np.ndarray, labels: np.ndarray, scored: np.ndarray, folds: int, seed: int) -> int:
    """How many of the ``scored`` rows the probe gets right when it has not seen them; the other rows always teach."""
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    rows, always = np.flatnonzero(scored), np.flatnonzero(~scored)
    correct = 0
    with warnings.catch_warnings():
        # A class with fewer images than folds is fine: its images fall into different folds.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        parts = list(splitter.split(rows, labels[rows]))
    for taught, asked in parts:
        known = np.concatenate([rows[taught], always])
        probe = LogisticRegression(C=10.0, max_iter=1000).fit(features[known], labels[known])
        correct += int((probe.predict(features[rows[asked]]) == labels[rows[asked]]).sum())
    return correct


def cross_fit(features: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, float | int | str] | None:
    """Estimate the accuracy of trained features from the labelled images alone.

    A logistic regression on the L2-normalised features is fitted on all folds but one and scored on that one. An
    image that is the only one of its class always teaches and is never scored, since nothing could name its class.

    Args:
        features: (L, D) floating point.
        labels: (L,) int64 class indices, none of them unlabelled.
        seed: decides the folds and, above :data:`MOST_IMAGES` images, which of them take part.

    Returns:
        ``accuracy``, ``accuracy_low`` and ``accuracy_high`` (Wilson, 95 %), ``num_images`` that were scored,
        ``folds``, and ``what``, a passage that says what this is; None unless two classes have two images each,
        or when a feature is not finite.
    """
    if len(labels) > MOST_IMAGES:
        some = np.random.default_rng(seed).choice(len(labels), MOST_IMAGES, replace=False)
        features, labels = features[some], labels[some]
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts >= 2).sum() < 2 or not np.isfinite(features).all():
        return None
    scored, folds = counts[inverse] >= 2, min(MOST_FOLDS, int(counts.max()))
    num_images = int(scored.sum())
    correct = _correct(np.asarray(normalize(features)), labels, scored, folds, seed)
    low, high = wilson_interval(correct, num_images)
    return {
        "accuracy": correct / num_images,
        "accuracy_low": low,
        "accuracy_high": high,
        "num_images": num_images,
        "folds": folds,
        "what": _sentence(folds, int((counts == 1).sum())),
    }
