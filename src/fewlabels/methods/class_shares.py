"""Class shares of unlabelled images: when they are assumed, and how soft labels are balanced to them.

Legend: N images, C classes.
"""

from typing import Literal

import numpy as np
from scipy.stats import chi2

Shares = Literal["auto", "equal", "relaxed", "estimated", "free"]
SIGNIFICANT = 0.05
"""Below this p-value the numbers of labels per class differ by more than chance."""
RELAXED = 0.5
"""Strength of balancing to equal shares where the pool does not look even."""
ENOUGH = 5
"""Mean number of labels per class from which their shares are taken as an estimate."""


def choose_shares(counts: np.ndarray) -> Shares:
    """Choose what the numbers of labels say about the class shares of the unlabelled images.

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

    Estimated shares are those of the labels with one more of each class (Laplace's rule); otherwise they are equal. A
    class without a label has no share.

    Args:
        shares: not "auto".
        counts: (C,) labels of each class.
    """
    present = counts > 0
    if shares == "free":
        return None
    weights = (counts + 1.0 if shares == "estimated" else np.ones(len(counts))) * present
    return weights / weights.sum()


def balance(probabilities: np.ndarray, shares: np.ndarray, strength: float = 1.0, iterations: int = 30) -> np.ndarray:
    """Rescale soft labels so that their mean over the images is close to the given shares (Sinkhorn and Knopp, 1967).

    Each class has a factor b. In turns, each image is scaled to a sum of 1, and the factor becomes
    (b share / mean)^strength. With strength 1 the mean becomes the share; with less it stays between both, and the
    farther it is from the share, the more of the difference remains.

    Args:
        probabilities: (N, C) float64, not negative.
        shares: (C,) that sum to 1.
        strength: above 0, at most 1.
        iterations: number of turns.

    Returns:
        (N, C) float64, whose rows sum to 1; a row of zeros stays zero.
    """
    factors, p = np.ones(len(shares)), probabilities
    for _ in range(iterations):
        means = p.mean(0)
        factors = (factors * np.divide(shares, means, out=np.zeros_like(means), where=means > 0)) ** strength
        scaled = probabilities * factors
        rows = scaled.sum(1, keepdims=True)
        p = np.divide(scaled, rows, out=np.zeros_like(scaled), where=rows > 0)
    return p


def differ(shares: np.ndarray, labels_per_class: float) -> bool:
    """Return whether estimated shares differ by more than few labels explain: then the pool is not even.

    The coefficient of variation of shares that were estimated without balancing is compared with 0.2 + 0.42 / sqrt(n)
    for n labels per class. On CUB and Tiny-ImageNet (three draws each, 5 and 10 labels per class) it was 0.17 to 0.31
    where all classes were equally frequent, and 0.37 to 0.57 where half of them had a quarter of the images.

    Args:
        shares: (C,) of the classes that have labels.
        labels_per_class: n.
    """
    return float(shares.std() / shares.mean()) > 0.2 + 0.42 / np.sqrt(labels_per_class)
