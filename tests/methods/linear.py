"""A linear classifier on features, and batches for it, so that losses can be computed by hand."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.randomness import Draws


def identity_model(classes: int = 2) -> Classifier:
    """Return a classifier whose features are its logits."""
    head = nn.Linear(classes, classes, bias=False)
    nn.init.eye_(head.weight)
    return SingleClassifier(nn.Identity(), head, classes, classes)


def problem(classes: int = 2, images: int = 8) -> Problem:
    return Problem(classes, images, num_labelled=2, epochs=10)


def batch(
    labelled: Tensor, labels: Sequence[int], views: Sequence[Tensor], rows: Sequence[int] | None = None,
    progress: float = 1.0,
) -> Batch:  # fmt: skip
    """Return a batch of labelled features (B, D) and of unlabelled views (muB, D)."""
    count = len(views[0])
    return Batch(
        Labelled((labelled,), torch.tensor(labels), torch.arange(len(labelled))),
        Unlabelled(tuple(views), torch.tensor(rows) if rows is not None else torch.arange(count)),
        step=3,
        progress=progress,
        draws=Draws(11, torch.arange(count)),
    )
