"""Losses over the marks that are known, and marks that a model gives to the unknown ones.

Legend: B images of the batch, K classes. Marks are (B, K): 1 present, -1 absent, 0 unknown. The papers' symbols are
those of Saliency Regularization, Sec. 3.4 and 3.5.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from fewlabels.methods.global_batch import gather

Normaliser = Literal["batch", "class", "image"]
"""What the sum over known marks is divided by: the known marks of the batch (BN-BCE, and every row of the paper's
Table 2 but one), all marks (S-BCE), or the known marks of the image, then the images (Eq. 9 and 10)."""
Reduction = Literal["mean", "sum"]
"""Over the images of a batch, of what is summed over the classes of an image."""


def wide(logits: Tensor) -> Tensor:
    """The logits in at least float32."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def batch_sum(values: Tensor) -> Tensor:
    """The sum of all values over the global batch: the same scalar in every process, the gradient included."""
    return gather(values.sum()[None]).sum()


def mark_losses(logits: Tensor, marks: Tensor) -> Tensor:
    """(B, K) binary cross-entropy of logits (B, K) with their marks; 0, without gradient, where a mark is unknown."""
    marks = marks.to(logits.dtype)
    return softplus(-marks * logits) * marks.abs()


def average(losses: Tensor, counted: Tensor, normaliser: Normaliser) -> Tensor:
    """The mean of losses (B, K) that are 0 where ``counted`` (B, K) bool is false; 0 where nothing is counted.

    The batch is the global one, so that processes with more known marks weigh more. METHODS R2.
    """
    if normaliser == "batch":
        return batch_sum(losses) / batch_sum(counted.to(losses.dtype)).clamp_min(1)
    if normaliser == "class":
        return losses.mean()
    return (losses.sum(1) / counted.sum(1).clamp_min(1)).mean()


def known_loss(logits: Tensor, marks: Tensor, normaliser: Normaliser = "batch") -> Tensor:
    """Binary cross-entropy of logits (B, K) over the known marks (Eq. 9 and 10, with the sign that they lack)."""
    logits = wide(logits)
    return average(mark_losses(logits, marks), marks != 0, normaliser)


def over_images(losses: Tensor, reduction: Reduction) -> Tensor:
    """Losses (B, K), summed over the classes, then averaged or summed over the images of the global batch."""
    return batch_sum(losses) if reduction == "sum" else losses.sum(1).mean()


def sure(probabilities: Tensor, threshold: float) -> Tensor:
    """(N, K) bool: is a class present, or absent, with a probability of at least the threshold?"""
    return torch.maximum(probabilities, 1 - probabilities) >= threshold


@torch.no_grad()
def pseudo_marks(logits: Tensor, marks: Tensor, threshold: float) -> Tensor:
    """(B, K) int8 marks for what is unknown (Eq. 7 and 8), cut off from the gradient; 0 where a mark is known.

    Args:
        logits: (B, K) of the view that they are read from.
        marks: (B, K) those that are known.
        threshold: tau; 1 where p >= tau, -1 where 1 - p >= tau. Both, with tau 0.5 and p 0.5, is 0.
    """
    p = wide(logits).sigmoid()
    found = (p >= threshold).to(torch.int8) - (1 - p >= threshold).to(torch.int8)
    return found * (marks == 0)
