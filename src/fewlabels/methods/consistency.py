"""Losses on unlabelled images, and the passes that give their logits.

Legend: B unlabelled images of the batch, C classes.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.models.classifier import Classifier

Passes = Literal["separate", "joint"]


def pseudo_label_loss(logits: Tensor, targets: Tensor, keep: Tensor) -> Tensor:
    """Cross-entropy of logits (B, C) with hard pseudo-labels (B,), averaged over B, kept or not (FixMatch, Eq. 4).

    Dividing by B and not by the number kept makes the loss small while few predictions are trusted.
    """
    return (cross_entropy(logits, targets, reduction="none") * keep).mean()


def joint_logits(model: Classifier, *views: Tensor) -> tuple[Tensor, ...]:
    """The logits of several views from one pass over all of them: batch statistics are those of the whole batch."""
    return model(torch.cat(views)).split([len(view) for view in views])


def weak_to_strong_logits(
    model: Classifier, labelled: Tensor, weak: Tensor, strong: Tensor, passes: Passes
) -> tuple[Tensor, Tensor, Tensor]:
    """Logits of the labelled, the weak and the strong views; nothing is learned through the weak ones.

    Args:
        model: its batch statistics are moved by every pass.
        labelled: (L, ...) weak views of the labelled images.
        weak: (B, ...) views that pseudo-labels are read from.
        strong: (B, ...) views that learn them.
        passes: ``joint`` puts all through together, as the papers' code does; ``separate`` puts the weak views
            through alone and without gradient, which is about half the work, with batch statistics of their own.
    """
    if passes == "joint":
        logits, weak_logits, strong_logits = joint_logits(model, labelled, weak, strong)
        return logits, weak_logits, strong_logits
    with torch.no_grad():
        weak_logits = model(weak)
    logits, strong_logits = joint_logits(model, labelled, strong)
    return logits, weak_logits, strong_logits


@torch.no_grad()
def target_probabilities(logits: Tensor) -> Tensor:
    """(B, C) softmax in float32, cut off from the gradient: what pseudo-labels are read from."""
    return logits.detach().float().softmax(1)


def softmax_mse(logits: Tensor, targets: Tensor) -> Tensor:
    """(B,) squared distance of softmax(logits) (B, C) to target probabilities (B, C), divided by C."""
    return (logits.float().softmax(1) - targets).square().mean(1)


def kl_divergence(targets: Tensor, logits: Tensor) -> Tensor:
    """(B,) KL(targets || softmax(logits)) of probabilities (B, C), and what lies in their last axis."""
    targets = targets.float()
    log_q = logits.float().log_softmax(-1)
    return torch.xlogy(targets, targets).sum(-1) - (targets * log_q).sum(-1)
