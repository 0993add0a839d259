"""Mixing images by what their boxes mean: shares of the class's evidence instead of shares of the area.

The formulas are those of SnapMix (Huang et al., AAAI 2021), which PEPL applies to pseudo-labels (METHODS 1.3).
Legend: M images of the global batch, C classes.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.randomness import Draws

FLAT = 1e-6
"""A map whose values differ by no more than this share of the largest says nothing about where: rounding alone."""


def evidence_shares(maps: Tensor) -> Tensor:
    """Class activation maps (M, H, W) less their minimum, scaled to the sum 1; a flat map gives 1 / HW everywhere.

    Without the shift, negative evidence makes shares outside 0 to 1 (METHODS P8).
    """
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    flat = high - low <= FLAT * torch.maximum(low.abs(), high.abs())
    shifted = torch.where(flat, 1, maps - low)
    return shifted / shifted.sum((1, 2), keepdim=True)


def area_shares(maps: Tensor) -> Tensor:
    """The same without looking: every pixel of (M, H, W) counts 1 / HW."""
    return torch.full_like(maps, 1 / (maps.shape[1] * maps.shape[2]))


def partners(kept: Tensor, draws: Draws) -> Tensor:
    """(M,) int64: a random permutation of the kept rows among themselves, and of the others among theirs.

    Args:
        kept: (M,) bool of the global batch.
        draws: for the slots of the global batch.
    """
    uniform = draws.uniform(1)[:, 0].to(kept.device, non_blocking=True)
    in_order = torch.argsort((~kept).int(), stable=True)
    shuffled = torch.argsort(uniform + 2 * ~kept, stable=True)
    return torch.empty_like(in_order).scatter(0, in_order, shuffled)


def two_label_loss(logits: Tensor, labels: tuple[Tensor, Tensor], shares: tuple[Tensor, Tensor]) -> Tensor:
    """(M,) rho_a CE(logits, a) + rho_b CE(logits, b); the shares rho, (M,) each, need not have the sum 1 (P-4)."""
    first, second = (
        share * cross_entropy(logits, label, reduction="none") for label, share in zip(labels, shares, strict=True)
    )
    return first + second
