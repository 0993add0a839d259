"""Cross-fitted accuracy without test images: a linear probe is fitted on some labels and tested on the others."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

from fewlabels.evaluation.classification import wilson_interval
from fewlabels.evaluation.folds import Folds, stratified_folds

MAX_FOLDS = 5
MAX_IMAGES = 5000
"""More images would take longer and change little: with 5000, the interval is within 1.5 points of the estimate."""


def _sentence(folds: int, single: int) -> str:
    """Explain the estimate to a reader without knowledge of statistics."""
    left_out = ""
    if single:
        which = (
            "The class with a single labelled image is"
            if single == 1
            else f"The {single} classes with a single labelled image are"
        )
        left_out = f" {which} excluded."
    return (
        f"There is no test split, so this is an estimate: a linear classifier was fitted on the trained features of "
        f"some labelled images and tested on the others, in {folds} folds. The features saw these labels during "
        f"training, so the estimate is optimistic; the interval covers only the random choice of these images "
        f"(binomial).{left_out}"
    )


def _correct(features: np.ndarray, labels: np.ndarray, folds: Folds) -> int:
    """Count the images that the probe predicts correctly when held out."""
    correct = 0
    for fitted, held_out in folds:
        probe = LogisticRegression(C=10.0, max_iter=1000).fit(features[fitted], labels[fitted])
        correct += int((probe.predict(features[held_out]) == labels[held_out]).sum())
    return correct


def cross_fit(features: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, float | int | str] | None:
    """Estimate the accuracy of trained features from the labelled images alone.

    A logistic regression on the L2-normalised features is fitted on all folds but one and scored on that fold. The
    only image of a class is always used to fit and never scored, since without it the class is unknown.

    Args:
        features: (L, D) floating point.
        labels: (L,) int64 class indices, none of them unlabelled.
        seed: of the folds and, above :data:`MAX_IMAGES` images, of the random subset.

    Returns:
        ``accuracy``, ``accuracy_low`` and ``accuracy_high`` (Wilson, 95 %), the ``num_images`` scored, ``folds``, and
        ``what``, an explanation; None unless two classes have two images each, or when a feature is not finite.
    """
    if len(labels) > MAX_IMAGES:
        some = np.random.default_rng(seed).choice(len(labels), MAX_IMAGES, replace=False)
        features, labels = features[some], labels[some]
    folds = stratified_folds(labels, MAX_FOLDS, seed)
    if not folds or not np.isfinite(features).all():
        return None
    num_images = sum(len(held) for _, held in folds)
    correct = _correct(np.asarray(normalize(features)), labels, folds)
    low, high = wilson_interval(correct, num_images)
    return {
        "accuracy": correct / num_images,
        "accuracy_low": low,
        "accuracy_high": high,
        "num_images": num_images,
        "folds": len(folds),
        "what": _sentence(len(folds), len(labels) - num_images),
    }
