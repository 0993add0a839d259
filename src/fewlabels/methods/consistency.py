"""Losses on unlabelled images, and the passes that give their logits.

Legend: B unlabelled images of the batch, C classes.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.models.classifier import Classifier


def pseudo_label_loss(logits: Tensor, targets: Tensor, keep: Tensor) -> Tensor:
    """Cross-entropy of logits (B, C) with hard pseudo-labels (B,), averaged over B, kept or not (FixMatch, Eq. 4).

    Dividing by B and not by the number kept makes the loss small while few predictions are trusted.
    """
    return (cross_entropy(logits, targets, reduction="none") * keep).mean()


def joint_logits(model: Classifier, *views: Tensor) -> tuple[Tensor, ...]:
    """The logits of several views from one pass over all of them: batch statistics are those of the whole batch."""
    return model(torch.cat(views)).split([len(view) for view in views])


@torch.no_grad()
def target_probabilities(logits: Tensor) -> Tensor:
    """(B, C) softmax in float32, cut off from the gradient: what pseudo-labels are read from."""
    return logits.detach().float().softmax(1)
