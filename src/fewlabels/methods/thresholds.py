"""Which predictions are trusted: a fixed threshold, and the self-adaptive ones of FreeMatch and PEPL.

Legend: B unlabelled images of the batch, C classes, q softmax probabilities.
"""

import torch
from torch import Tensor, nn

from fewlabels.methods.global_batch import gather


def above(q: Tensor, threshold: float | Tensor) -> Tensor:
    """(B,) bool: is the largest probability of each row of q (B, C) at least the threshold (FixMatch, Eq. 4)?"""
    return q.amax(1) >= threshold


class SelfAdaptiveThresholds(nn.Module):
    """A threshold per class that rises with the model's own confidence (FreeMatch, Eq. 5 to 8; METHODS P-1).

    The global threshold tau is an average of the mean confidence, p an average of the mean prediction, both started
    at 1/C and moved *before* the same step's mask (as the authors' code does). Class c needs tau * p(c) / max p.
    """

    tau: Tensor
    p: Tensor

    def __init__(self, num_classes: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("tau", torch.tensor(1 / num_classes))
        self.register_buffer("p", torch.full((num_classes,), 1 / num_classes))

    @torch.no_grad()
    def update(self, q: Tensor) -> None:
        """Move tau and p towards the means over the global batch of q (B, C)."""
        q = gather(q)
        self.tau.lerp_(q.amax(1).mean(), 1 - self.momentum)
        self.p.lerp_(q.mean(0), 1 - self.momentum)

    def per_class(self) -> Tensor:
        """(C,) the threshold of each class."""
        return self.tau * self.p / self.p.amax()

    def keep(self, q: Tensor) -> Tensor:
        """(B,) bool: is the largest probability strictly above its class's threshold?"""
        confidence, label = q.max(1)
        return confidence > self.per_class()[label]
