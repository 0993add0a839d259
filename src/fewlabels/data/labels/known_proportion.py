"""Make the labels of a fully marked data set partial: each is kept with one probability, drawn once."""

from dataclasses import replace

import numpy as np

from fewlabels.data.dataset import TRAIN, UNKNOWN, Dataset
from fewlabels.errors import UserError


def drop_marks(labels: np.ndarray, proportion: float, seed: int) -> np.ndarray:
    """Keep each mark, present or absent alike, independently with one probability; the others become UNKNOWN.

    The draw is that of HCP-MLR-PL's code (``changeLabelProportion``, seed 0): ``np.random.seed(seed)``, then one
    ``np.random.random`` for all marks, of which those below the proportion stay. More are kept with a larger
    proportion and the same seed, never others.

    Args:
        labels: (N, K) int8 of the training images: PRESENT, ABSENT or UNKNOWN.
        proportion: above 0 and at most 1, where all are kept.
        seed: 0 to 2**32 - 1.

    Returns:
        (N, K) int8, a new array.

    Raises:
        UserError: the proportion or the seed is not in its range.
    """
    if not 0 < proportion <= 1:
        raise UserError(f"--known-proportion {proportion} is no share of the labels; give one above 0 and at most 1")
    if not 0 <= seed < 2**32:
        raise UserError(f"--label-seed {seed} is out of range; give one from 0 to 4294967295")
    drawn = np.random.RandomState(seed).random_sample(labels.shape)  # the legacy generator, which the protocol uses
    return np.where(drawn < proportion, labels, labels.dtype.type(UNKNOWN))


def with_known_proportion(dataset: Dataset, proportion: float, seed: int) -> Dataset:
    """The same with only a share of the marks of its training images, see :func:`drop_marks`; val and test keep all."""
    train = dataset.rows(TRAIN)
    labels = dataset.labels.copy()
    labels[train] = drop_marks(labels[train], proportion, seed)
    return replace(dataset, labels=labels)
