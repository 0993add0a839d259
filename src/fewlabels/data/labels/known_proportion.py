"""Make the labels of a fully marked data set partial: keep each mark with one probability, drawn once."""

import numpy as np

from fewlabels.data.dataset import UNKNOWN
from fewlabels.errors import UserError


def drop_marks(labels: np.ndarray, proportion: float, seed: int) -> np.ndarray:
    """Keep each mark, present or absent alike, independently with one probability; the others become UNKNOWN.

    The draw is that of HCP-MLR-PL's code (``changeLabelProportion``, seed 0): ``np.random.seed(seed)``, then one
    ``np.random.random`` for all marks, of which those below the proportion are kept. With the same seed, a larger
    proportion keeps all the marks that a smaller one keeps.

    Args:
        labels: (N, K) int8 of the training images: PRESENT, ABSENT or UNKNOWN.
        proportion: above 0 and at most 1, where all marks are kept.
        seed: 0 to 2**32 - 1.

    Returns:
        (N, K) int8, a new array.

    Raises:
        UserError: the proportion or the seed is not in its range.
    """
    if not 0 < proportion <= 1:
        raise UserError(f"--known-proportion {proportion} must be above 0 and at most 1")
    if not 0 <= seed < 2**32:
        raise UserError(f"--label-seed {seed} is out of range; give one from 0 to 4294967295")
    drawn = np.random.RandomState(seed).random_sample(labels.shape)  # the legacy generator, which the protocol uses
    return np.where(drawn < proportion, labels, labels.dtype.type(UNKNOWN))
