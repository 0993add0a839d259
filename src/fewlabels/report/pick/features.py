"""Features of some images in the plane, as in DNLL's Fig. 5, to see whether the classes are separated."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, Dataset
from fewlabels.evaluation.outcome import Outcome
from fewlabels.models.inference import features
from fewlabels.report.content.features import Embedding
from fewlabels.report.draw.scatter import Point
from fewlabels.report.pick.gallery import ImagePicker, fixed_sample

MOST, FEWEST = 400, 10
"""Images in the plane; there is no plot with fewer than 10."""
_STEPS = 500  # of the optimiser: 400 points take half a second, and more steps move them little
_PERPLEXITY = 30.0


class _Chosen(NamedTuple):
    """Which images are shown, and whether they are coloured by their true class."""

    rows: Tensor
    images: str
    known: bool


def embedding(gallery: ImagePicker, outcome: Outcome) -> Embedding | None:
    """Project the model's pooled features of some images by t-SNE; None if there are too few."""
    dataset = gallery.experiment.dataset
    rows, images, known = _choose(dataset)
    if len(rows) < FEWEST:
        return None
    plane = project(features(outcome.model, outcome.plain(rows)).numpy())
    if plane is None:
        return None
    truth, guess = torch.from_numpy(dataset.labels)[rows], gallery.guess[rows]
    given = gallery.given[rows]
    label = truth if known else torch.where(given != UNLABELLED, given, guess)
    right = (truth == guess).tolist() if known else [None] * len(rows)
    points = [
        Point(round(x, 4), round(y, 4), k, r)
        for (x, y), k, r in zip(plane.tolist(), label.tolist(), right, strict=True)
    ]
    return Embedding(images, "true class" if known else "class in labels.csv (given, else predicted)", points)


def _choose(dataset: Dataset) -> _Chosen:
    """Choose test images; else training images, coloured by the truth if the data set has it for at least half of them.

    If only few training images have a label, these are the ones that the network was trained on, and not typical.
    """
    test, train = dataset.rows(TEST), dataset.rows(TRAIN)
    known_test, known_train = (rows[dataset.labels[rows] != UNLABELLED] for rows in (test, train))
    if len(known_test) >= FEWEST:
        return _Chosen(fixed_sample(known_test, MOST), "test images", True)
    if 2 * len(known_train) >= len(train):
        return _Chosen(fixed_sample(known_train, MOST), "training images", True)
    return _Chosen(fixed_sample(train, MOST), "training images", False)


def project(found: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Project features to the plane by t-SNE (van der Maaten and Hinton, 2008).

    Args:
        found: (N, D), N at least 10.
        seed: of t-SNE.

    Returns:
        (N, 2) float64 from 0 to 1, both axes with the same scale; None if the features are all equal or not finite.
    """
    if not np.isfinite(found).all() or not np.ptp(found, axis=0).any():
        return None
    from sklearn.manifold import TSNE  # takes a second to import

    perplexity = min(_PERPLEXITY, (len(found) - 1) / 3)
    start = "pca" if found.shape[1] > 1 else "random"
    plane = TSNE(2, perplexity=perplexity, init=start, max_iter=_STEPS, random_state=seed).fit_transform(found)
    low, span = plane.min(0), np.ptp(plane, axis=0).max()
    if not np.isfinite(span) or span <= 0:
        return None
    centred = (plane - low - np.ptp(plane, axis=0) / 2) / span + 0.5
    return centred.astype(np.float64).clip(0, 1)
