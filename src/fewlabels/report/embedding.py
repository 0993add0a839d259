"""The features in the plane, as in DNLL's Fig. 5: are the classes apart, and where do the mistakes lie?"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, Dataset
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features
from fewlabels.report.gallery import Gallery, drawn
from fewlabels.report.looking import Embedding, Point
from fewlabels.training.trunk import Plain

MOST, FEWEST = 400, 10
"""Images in the plane; with fewer than the least there is nothing to see."""
_STEPS = 500  # of the optimiser: 400 points take half a second, and more moves them little
_PERPLEXITY = 30.0


class _Chosen(NamedTuple):
    """Which images, what colours them, and whether that is the truth."""

    rows: Tensor
    images: str
    known: bool


def embedding(gallery: Gallery, model: Classifier, plain: Plain) -> Embedding | None:
    """The model's pooled features of some images by t-SNE; None where there are too few to see anything."""
    dataset = gallery.experiment.dataset
    rows, images, known = _choose(dataset)
    if len(rows) < FEWEST:
        return None
    plane = in_the_plane(features(model, plain(rows)).numpy())
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
    return Embedding(images, "true class" if known else "class in labels.csv (given, else the model's)", points)


def _choose(dataset: Dataset) -> _Chosen:
    """Test images; else training images, coloured by truth where the data set knows that of most of them.

    Where few of the training images have a label, these are the ones that were learnt from, and no example of others.
    """
    test, train = dataset.rows(TEST), dataset.rows(TRAIN)
    known_test, known_train = (rows[dataset.labels[rows] != UNLABELLED] for rows in (test, train))
    if len(known_test) >= FEWEST:
        return _Chosen(drawn(known_test, MOST), "test images", True)
    if 2 * len(known_train) >= len(train):
        return _Chosen(drawn(known_train, MOST), "training images", True)
    return _Chosen(drawn(train, MOST), "training images", False)


def in_the_plane(found: np.ndarray, seed: int = 0) -> np.ndarray | None:
    """Places (N, 2) from 0 to 1 of features (N, D) by t-SNE (van der Maaten and Hinton, 2008), N at least 10.

    Equal distances on both axes mean the same. None where the features are all equal or not finite.
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
