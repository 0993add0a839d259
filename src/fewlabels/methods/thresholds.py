"""Which predictions are trusted: a fixed threshold, FlexMatch's, and the self-adaptive ones of FreeMatch and PEPL.

Legend: B unlabelled images of the batch, C classes, q softmax probabilities.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

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


class CurriculumThresholds(nn.Module):
    """A threshold per class that is low while few images of the class were learned (FlexMatch, Sec. 3).

    An image counts as learned in the class that it was last predicted in with at least ``threshold``. beta_c is the
    count of class c over the largest count, that of images not yet learned included while it is the largest (the
    warm-up; where there are many classes it lasts until nearly all images are learned). Class c needs threshold *
    beta_c / (2 - beta_c). All thresholds are 0 at the start. As in the authors' code a batch is judged *before* it
    is counted.
    """

    learned: Tensor
    """(N,) int64 the class of each row of the data set; C: not yet learned."""
    counts: Tensor
    """(C + 1,) int64 images per class; last those not yet learned."""

    def __init__(self, num_images: int, num_classes: int, threshold: float = 0.95, warmup: bool = True) -> None:
        super().__init__()
        self.threshold, self.warmup = threshold, warmup
        self.register_buffer("learned", torch.full((num_images,), num_classes))
        self.register_buffer("counts", torch.zeros(num_classes + 1, dtype=torch.int64))

    def begin(self, pool_size: int) -> None:
        """Say how many images there are to learn, before the first batch."""
        self.counts[-1] = pool_size

    def per_class(self) -> Tensor:
        """(C,) the threshold of each class."""
        learned = self.counts[:-1]
        beta = learned / (self.counts if self.warmup else learned).amax().clamp_min(1)
        return self.threshold * beta / (2 - beta)

    def keep(self, q: Tensor) -> Tensor:
        """(B,) bool: is the largest probability of each row of q (B, C) at least its class's threshold?"""
        confidence, label = q.max(1)
        return confidence >= self.per_class()[label]

    @torch.no_grad()
    def update(self, rows: Tensor, q: Tensor) -> None:
        """Count the sure ones of these rows (B,), predicted q (B, C), over the global batch.

        Of an image that stands in the batch several times the last sure prediction counts.
        """
        rows, q = gather(rows), gather(q)
        classes, places = len(self.counts) - 1, torch.arange(len(rows), device=rows.device)
        same = rows[:, None] == rows
        last = torch.where(same & above(q, self.threshold), places, -1).amax(1)
        before = self.learned[rows]
        after = torch.where(last >= 0, q.argmax(1)[last.clamp_min(0)], before)
        first = same.int().argmax(1) == places
        change = one_hot(after, classes + 1) - one_hot(before, classes + 1)
        self.counts += (change * first[:, None]).sum(0)
        self.learned[rows] = after
