"""Find given labels that the other labels contradict.

Legend: N images, L labels, D features, K classes.
"""

from typing import NamedTuple

import numpy as np
import torch
from scipy.special import softmax

from fewlabels.auto.cross_fitting import held_out_logits
from fewlabels.auto.heads import FOLDS, HEADS, Given, PoolFeatures
from fewlabels.evaluation.calibration import fit_temperature
from fewlabels.evaluation.folds import stratified_folds

HEAD = next(head for head in HEADS if (head.method, head.parameters) == ("graph-probe", {"shares": "free"}))
"""The head that is cross-fitted. Shares of classes are free because labels to check are often uneven."""
COPY = 0.995
"""Correlation of two images of 16 x 16 pixels from which they count as copies."""


class Doubt(NamedTuple):
    """A label that may be wrong."""

    row: int
    suggested: int
    """A class."""
    score: float
    """From 0 to 1, larger for a larger doubt: 1 minus the held-out probability of the given label; 1 for a copy."""
    copy_of: int | None = None
    """The row of an image that looks the same and has the suggested label."""


def held_out_probabilities(
    features: np.ndarray, given: Given, num_classes: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict every label by a fit that did not see it, on five folds.

    Args:
        features: (N, D) float32 of the labelled images and of unlabelled ones, which take part in the graph.
        given: the labels.
        num_classes: K.
        seed: of the folds.

    Returns:
        (l,) int64 indices into the labels, and (l, K) probabilities at the temperature that fits them best. Classes
        with one label are left out, and everything is, where fewer than two classes have two labels.
    """
    folds = stratified_folds(given.labels, FOLDS, seed)
    if not folds:
        return np.zeros(0, np.int64), np.zeros((0, num_classes))
    pool = PoolFeatures(torch.from_numpy(features), num_classes)
    places, logits = held_out_logits(lambda fit, out: HEAD.logits(pool, given.part(fit), given.rows[out]), folds)
    order = np.argsort(places)
    places, logits = places[order], logits[order]
    temperature, _ = fit_temperature(logits, given.labels[places])
    return places, softmax(logits / temperature, axis=1)


def contradicted(probabilities: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, float]]:
    """Find labels for which another class is more likely, in the order of the probability of the given class.

    The order is the "self-confidence" of confident learning (Northcutt et al., JAIR 2021). Its threshold per class is
    left out: with few labels it hides wrong ones, and a person stops where doubts turn out wrong.

    Args:
        probabilities: (l, K) held-out probabilities.
        labels: (l,) int64 given classes.

    Returns:
        (index, most likely class, 1 - probability of the given class), the largest doubt first.
    """
    own = probabilities[np.arange(len(labels)), labels]
    suggested = probabilities.argmax(1)
    found = np.flatnonzero(suggested != labels)
    order = found[np.argsort(own[found], kind="stable")]
    return [(int(i), int(suggested[i]), float(1 - own[i])) for i in order]


def copies(thumbnails: np.ndarray, labels: np.ndarray) -> list[tuple[int, int]]:
    """Find pairs of images that look the same and have different labels.

    Args:
        thumbnails: (L, P) float32 grey values.
        labels: (L,) int64.

    Returns:
        pairs of indices (i, j), i < j, whose correlation is at least :data:`COPY`. Images of one colour are left out.
    """
    centred = thumbnails - thumbnails.mean(1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    unit = np.where(length > 1e-6, centred / np.maximum(length, 1e-6), 0)
    pairs = []
    for first in range(0, len(unit), 1024):
        i, j = np.nonzero(unit[first : first + 1024] @ unit.T >= COPY)
        i = i + first
        kept = (i < j) & (labels[i] != labels[j])
        pairs += zip(i[kept].tolist(), j[kept].tolist(), strict=True)
    return pairs


def doubted(
    features: np.ndarray, thumbnails: np.ndarray, given: Given, num_classes: int, seed: int = 0
) -> list[Doubt]:  # fmt: skip
    """List the labels that may be wrong, the largest doubt first.

    Args:
        features: (N, D) float32, which no label has shaped.
        thumbnails: (L, P) float32 grey values of small copies of the labelled images.
        given: the labels.
        num_classes: K.
        seed: of the folds.
    """
    rows, labels = given.rows.tolist(), given.labels.tolist()
    found: dict[int, Doubt] = {}
    for i, j in copies(thumbnails, given.labels):
        for one, other in ((i, j), (j, i)):
            found.setdefault(rows[one], Doubt(rows[one], labels[other], 1.0, rows[other]))
    places, probabilities = held_out_probabilities(features, given, num_classes, seed)
    for index, suggested, score in contradicted(probabilities, given.labels[places]):
        row = rows[places[index]]
        found.setdefault(row, Doubt(row, suggested, score))
    return sorted(found.values(), key=lambda doubt: (-doubt.score, doubt.row))
