"""Mixup of images and labels, and sharpening of guessed labels.

Legend: n rows of the global batch, b of them in this process, C classes.
"""

import torch
from scipy.special import betaincinv
from torch import Tensor

from fewlabels.randomness import Draws, permutation


def sharpen(probabilities: Tensor, temperature: float) -> Tensor:
    """Return p^(1/T) / sum p^(1/T) for each row (B, C), closer to one-hot for smaller T > 0 (MixMatch, Eq. 7)."""
    powers = (probabilities / probabilities.amax(1, keepdim=True)) ** (1 / temperature)
    return powers / powers.sum(1, keepdim=True)


def beta(draws: Draws, alpha: float) -> Tensor:
    """Draw from Beta(alpha, alpha), alpha > 0: (b,) float64 on the CPU, the quantile function at a uniform per slot."""
    return torch.from_numpy(betaincinv(alpha, alpha, draws.uniform(1)[:, 0].double().numpy()))


def larger_shares(draws: Draws, alpha: float) -> Tensor:
    """Draw max(lambda, 1 - lambda), (b,) float32 from 0.5 to 1, with lambda ~ Beta(alpha, alpha) (MixMatch, Eq. 9)."""
    share = beta(draws, alpha)
    return torch.maximum(share, 1 - share).float()


def permuted_partners(draws: Draws, n: int) -> Tensor:
    """Return the row that each row is mixed with, (b,) int64, from one permutation of all n rows of the global batch.

    Every process draws the same permutation. The slots of the draws are the positions of the b rows among the n.
    """
    return permutation(draws.key, n)[draws.slots]


def mix(first: Tensor, second: Tensor, shares: Tensor) -> Tensor:
    """Return shares * first + (1 - shares) * second for tensors (b, ...) and shares (b,) from 0 to 1."""
    return torch.lerp(second, first, shares.to(first).view(-1, *[1] * (first.ndim - 1)))
