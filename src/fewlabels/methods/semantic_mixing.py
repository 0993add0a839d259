"""Semantic mixing: labels of mixed images are weighted by shares of class evidence instead of shares of the area.

The formulas are those of SnapMix (Huang et al., AAAI 2021), which PEPL applies to pseudo-labels (docs/papers/pepl.md,
P8 and P9). Legend: M images of the global batch, C classes.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.randomness import Draws

FLAT = 1e-6
"""A map whose values differ by no more than this share of the largest is constant up to rounding."""


def evidence_shares(maps: Tensor) -> Tensor:
    """Subtract the minimum of each class activation map (M, H, W) and scale the map to the sum 1.

    A constant map becomes 1 / HW everywhere. Without the shift, negative values would give shares outside 0 to 1
    (docs/papers/pepl.md, P8).
    """
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    flat = high - low <= FLAT * torch.maximum(low.abs(), high.abs())
    shifted = torch.where(flat, 1, maps - low)
    return shifted / shifted.sum((1, 2), keepdim=True)


def area_shares(maps: Tensor) -> Tensor:
    """Return maps (M, H, W) with the value 1 / HW everywhere, so that shares are shares of the area."""
    return torch.full_like(maps, 1 / (maps.shape[1] * maps.shape[2]))


def grouped_partners(kept: Tensor, draws: Draws) -> Tensor:
    """Permute the kept rows at random among themselves, and the other rows among themselves.

    Args:
        kept: (M,) bool of the global batch.
        draws: one slot per row of the global batch.

    Returns:
        (M,) int64, the row that each row is mixed with.
    """
    uniform = draws.uniform(1)[:, 0].to(kept.device, non_blocking=True)
    in_order = torch.argsort((~kept).int(), stable=True)
    shuffled = torch.argsort(uniform + 2 * ~kept, stable=True)
    return torch.empty_like(in_order).scatter(0, in_order, shuffled)


def two_label_loss(logits: Tensor, labels: tuple[Tensor, Tensor], shares: tuple[Tensor, Tensor]) -> Tensor:
    """Return rho_a CE(logits, a) + rho_b CE(logits, b) of images with two labels (docs/papers/pepl.md, P-4).

    Args:
        logits: (M, C).
        labels: a and b, (M,) int64 each.
        shares: rho_a and rho_b, (M,) each, 0 or more; their sum need not be 1.

    Returns:
        (M,).
    """
    first, second = (
        share * cross_entropy(logits, label, reduction="none") for label, share in zip(labels, shares, strict=True)
    )
    return first + second
