"""Class shares of unlabelled images: when they are assumed, and how soft labels are balanced to them.

Legend: N images, C classes.
"""

from typing import Literal

import numpy as np
from scipy.stats import chi2

Shares = Literal["auto", "equal", "estimated", "free"]
SIGNIFICANT = 0.05
"""Below this p-value the numbers of labels per class differ by more than chance."""
ENOUGH = 5
"""Mean number of labels per class from which their shares are taken as an estimate."""


def choose_shares(counts: np.ndarray) -> Shares:
    """Choose what to assume about the class shares of the unlabelled images.

    Equal shares, unless the numbers of labels contradict them: if these numbers differ by more than a random sample of
    equally frequent classes would (Pearson's chi-squared test), the shares are estimated from them, or left free where
    there are too few labels for that.

    Args:
        counts: (C,) labels of each class, each at least 1.
    """
    mean = counts.mean()
    statistic = float(((counts - mean) ** 2).sum() / mean)
    if len(counts) == 1 or chi2.sf(statistic, len(counts) - 1) >= SIGNIFICANT:
        return "equal"
    return "estimated" if mean >= ENOUGH else "free"


def class_shares(shares: Shares, counts: np.ndarray) -> np.ndarray | None:
    """Return the shares (C,) float64 that sum to 1, or None where they are free.

    Estimated shares are those of the labels with one more of each class (Laplace's rule). A class without a label has
    no share.
    """
    present = counts > 0
    if shares == "auto":
        shares = choose_shares(counts[present])
    if shares == "free":
        return None
    weights = (counts + 1.0 if shares == "estimated" else np.ones(len(counts))) * present
    return weights / weights.sum()


def balance(probabilities: np.ndarray, shares: np.ndarray, iterations: int = 30) -> np.ndarray:
    """Rescale soft labels so that their mean over the images is close to the given shares (Sinkhorn and Knopp, 1967).

    Columns and rows are scaled in turns: each class to its share of the images, then each image to a sum of 1.

    Args:
        probabilities: (N, C) float64, not negative.
        shares: (C,) that sum to 1.
        iterations: number of turns.

    Returns:
        (N, C) float64, whose rows sum to 1; a row of zeros stays zero.
    """
    p = probabilities.copy()
    for _ in range(iterations):
        columns = p.sum(0)
        p *= np.divide(shares * len(p), columns, out=np.zeros_like(columns), where=columns > 0)
        rows = p.sum(1, keepdims=True)
        p = np.divide(p, rows, out=np.zeros_like(p), where=rows > 0)
    return p
