"""Losses on unlabelled images, and the forward passes that give their logits.

Legend: B unlabelled images of the batch, C classes.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.models.classifier import Classifier

Passes = Literal["separate", "joint"]


def pseudo_label_loss(logits: Tensor, targets: Tensor, keep: Tensor) -> Tensor:
    """Return the cross-entropy with hard pseudo-labels, averaged over all images (FixMatch, Eq. 4).

    Images that are not kept count 0: the sum is divided by B and not by the number of kept images, so the loss is small
    while few predictions are kept.

    Args:
        logits: (B, C).
        targets: (B,) int64 pseudo-labels.
        keep: (B,) bool, which pseudo-labels are used.

    Returns:
        A scalar.
    """
    return (cross_entropy(logits, targets, reduction="none") * keep).mean()


def joint_logits(model: Classifier, *views: Tensor) -> tuple[Tensor, ...]:
    """Return the logits of each view from one pass over all views, normalised by the statistics of that whole batch."""
    return model(torch.cat(views)).split([len(view) for view in views])


def weak_to_strong_logits(
    model: Classifier, labelled: Tensor, weak: Tensor, strong: Tensor, passes: Passes
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the logits of the labelled, the weak and the strong views.

    Args:
        model: every pass updates its running batch statistics.
        labelled: (L, ...) weak views of the labelled images.
        weak: (B, ...) views that give the pseudo-labels.
        strong: (B, ...) views that are trained on them.
        passes: ``joint`` makes one pass over all views, as the papers' code does; ``separate`` passes the weak views
            alone and without gradient, which is about half the work, and normalises them by their own statistics.

    Returns:
        (L, C), (B, C) and (B, C).
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
    """Return the softmax of logits (B, C) in float32, without gradient: the prediction that pseudo-labels come from."""
    return logits.detach().float().softmax(1)


def softmax_mse(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the squared distance of softmax(logits) to the targets of each image, divided by C.

    Args:
        logits: (B, C).
        targets: (B, C) probabilities; the gradient also flows through them if they carry one.

    Returns:
        (B,) float32, from 0 to 2 / C.
    """
    return (logits.float().softmax(1) - targets).square().mean(1)


def kl_divergence(targets: Tensor, logits: Tensor) -> Tensor:
    """Return KL(targets || softmax(logits)) along the last axis, in nats.

    Args:
        targets: (..., C) probabilities.
        logits: (..., C).

    Returns:
        (...) float32, 0 or more.
    """
    targets = targets.float()
    log_q = logits.float().log_softmax(-1)
    return torch.xlogy(targets, targets).sum(-1) - (targets * log_q).sum(-1)
