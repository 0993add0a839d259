"""Losses over known marks, and pseudo-marks for unknown ones.

Legend: B images of the batch, K classes. Marks are (B, K): 1 present, -1 absent, 0 unknown. Symbols are those of
Saliency Regularization, Sec. 3.4 and 3.5.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fewlabels.methods.global_batch import gather

Normaliser = Literal["batch", "class", "image"]
"""Divisor of the sum over known marks: the known marks of the batch (BN-BCE, every row of the paper's Table 2 but one),
all marks (S-BCE), or the known marks of the image and then the images (Eq. 9 and 10). See
docs/papers/saliency-regularization.md, R2."""
ImageReduction = Literal["mean", "sum"]
"""Reduction over the images of a batch; the classes of an image are summed."""


def wide(logits: Tensor) -> Tensor:
    """Return the logits in float32 or wider."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def batch_sum(values: Tensor) -> Tensor:
    """Sum all values over the global batch, with gradient; the same scalar in every process."""
    return gather(values.sum()[None]).sum()


def mark_losses(logits: Tensor, marks: Tensor) -> Tensor:
    """Return the binary cross-entropy of each logit with its mark, (B, K); 0, without gradient, for unknown marks."""
    marks = marks.to(logits.dtype)
    return softplus(-marks * logits) * marks.abs()


def average(losses: Tensor, counted: Tensor, normaliser: Normaliser) -> Tensor:
    """Average losses (B, K) over the marks that are counted; 0 if none is.

    The batch is the global one, so that processes with more known marks weigh more
    (docs/papers/saliency-regularization.md, R2).

    Args:
        losses: (B, K), 0 for marks that are not counted.
        counted: (B, K) bool.
        normaliser: the divisor.
    """
    if normaliser == "batch":
        return batch_sum(losses) / batch_sum(counted.to(losses.dtype)).clamp_min(1)
    if normaliser == "class":
        return losses.mean()
    return (losses.sum(1) / counted.sum(1).clamp_min(1)).mean()


def known_loss(logits: Tensor, marks: Tensor, normaliser: Normaliser = "batch") -> Tensor:
    """Return the binary cross-entropy over the known marks, a scalar; 0 if no mark is known.

    Eq. 9 and 10 of Saliency Regularization, with the minus sign that they lack (docs/papers/saliency-regularization.md,
    R1).

    Args:
        logits: (B, K).
        marks: (B, K), 1 present, -1 absent, 0 unknown.
        normaliser: the divisor: the known marks of the ``batch``, all marks (``class``), or the known marks of each
            ``image`` and then the images.
    """
    logits = wide(logits)
    return average(mark_losses(logits, marks), marks != 0, normaliser)


def over_images(losses: Tensor, reduction: ImageReduction) -> Tensor:
    """Sum losses (B, K) over the classes, then average or sum them over the images of the global batch."""
    return batch_sum(losses) if reduction == "sum" else losses.sum(1).mean()


def sure(probabilities: Tensor, threshold: float) -> Tensor:
    """Return whether a class is present, or absent, with a probability of at least the threshold, (N, K) bool."""
    return torch.maximum(probabilities, 1 - probabilities) >= threshold


@torch.no_grad()
def pseudo_marks(logits: Tensor, marks: Tensor, threshold: float) -> Tensor:
    """Return pseudo-marks for the unknown marks, without gradient (Eq. 7 and 8).

    Args:
        logits: (B, K) of the view that gives the pseudo-marks.
        marks: (B, K) given marks.
        threshold: tau; 1 if p >= tau, -1 if 1 - p >= tau. With tau 0.5 and p 0.5 both hold and the result is 0
            (docs/papers/saliency-regularization.md, R11).

    Returns:
        (B, K) int8, 1 present, -1 absent, 0 unknown; 0 for marks that are given.
    """
    p = wide(logits).sigmoid()
    found = (p >= threshold).to(torch.int8) - (1 - p >= threshold).to(torch.int8)
    return found * (marks == 0)
