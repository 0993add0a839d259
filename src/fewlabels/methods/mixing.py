"""Mixing images with images, and sharpening what is mixed for labels.

Legend: n rows of the global batch, b of them in this process, C classes.
"""

import torch
from scipy.special import betaincinv
from torch import Tensor

from fewlabels.randomness import Draws, permutation


def sharpen(probabilities: Tensor, temperature: float) -> Tensor:
    """p^(1/T) / sum p^(1/T) of each row (B, C): towards one-hot as T > 0 falls (MixMatch, Eq. 7)."""
    powers = (probabilities / probabilities.amax(1, keepdim=True)) ** (1 / temperature)
    return powers / powers.sum(1, keepdim=True)


def beta(draws: Draws, alpha: float) -> Tensor:
    """(b,) float64 from Beta(alpha, alpha), alpha > 0, on the CPU: its quantile function at one uniform per slot."""
    return torch.from_numpy(betaincinv(alpha, alpha, draws.uniform(1)[:, 0].double().numpy()))


def larger_shares(draws: Draws, alpha: float) -> Tensor:
    """(b,) float32 max(lambda, 1 - lambda), lambda from Beta(alpha, alpha): nearer to the first (MixMatch, Eq. 9)."""
    share = beta(draws, alpha)
    return torch.maximum(share, 1 - share).float()


def partners(draws: Draws, n: int) -> Tensor:
    """(b,) int64: whom each row is mixed with, by one order of all n rows that every process draws alike.

    The slots of the draws are the rows' positions among the n.
    """
    return permutation(draws.key, n)[draws.slots]


def mix(first: Tensor, second: Tensor, shares: Tensor) -> Tensor:
    """Mix two tensors (b, ...), taking of the first the shares (b,)."""
    return torch.lerp(second, first, shares.to(first).view(-1, *[1] * (first.ndim - 1)))
