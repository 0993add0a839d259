"""Thresholds that select pseudo-labels: fixed, FlexMatch's, and the self-adaptive ones of FreeMatch and PEPL.

Legend: B unlabelled images of the batch, C classes, q softmax probabilities.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from fewlabels.methods.global_batch import gather


def above(q: Tensor, threshold: float | Tensor) -> Tensor:
    """Return whether the largest probability of each row of q (B, C) is at least the threshold, (B,) bool.

    FixMatch, Eq. 4.
    """
    return q.amax(1) >= threshold


class SelfAdaptiveThresholds(nn.Module):
    """One threshold per class that rises with the model's own confidence (FreeMatch, Eq. 5 to 8).

    The global threshold tau is a running average of the mean confidence, p one of the mean prediction. Both start at
    1/C and are updated *before* the mask of the same step, as in the authors' code. The threshold of class c is
    tau * p(c) / max p. See docs/papers/pepl.md, P2 and P-1.
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
        """Update tau and p with the means over the global batch of q (B, C)."""
        q = gather(q)
        self.tau.lerp_(q.amax(1).mean(), 1 - self.momentum)
        self.p.lerp_(q.mean(0), 1 - self.momentum)

    def per_class(self) -> Tensor:
        """Return the threshold of each class, (C,)."""
        return self.tau * self.p / self.p.amax()

    def keep(self, q: Tensor) -> Tensor:
        """Return whether the largest probability of q (B, C) is strictly above its class's threshold, (B,) bool."""
        confidence, label = q.max(1)
        return confidence > self.per_class()[label]


class CurriculumThresholds(nn.Module):
    """One threshold per class that is low while few images of the class are learned (FlexMatch, Sec. 3).

    An image counts as learned in the class of its latest prediction with a confidence of at least ``threshold``. beta_c
    is the count of class c divided by the largest count. With the warm-up the images that are not learned yet are one
    of these counts; with many classes the warm-up lasts until nearly all images are learned (docs/papers/baselines.md,
    A10). The threshold of class c is threshold * beta_c / (2 - beta_c); all thresholds start at 0. As in the authors'
    code, a batch is judged *before* it is counted.
    """

    learned: Tensor
    """(N,) int64, the class of each row of the data set; C if it is not learned yet."""
    counts: Tensor
    """(C + 1,) int64, images per class; the last entry counts those not learned yet."""

    def __init__(self, num_images: int, num_classes: int, threshold: float = 0.95, warmup: bool = True) -> None:
        super().__init__()
        self.threshold, self.warmup = threshold, warmup
        self.register_buffer("learned", torch.full((num_images,), num_classes))
        self.register_buffer("counts", torch.zeros(num_classes + 1, dtype=torch.int64))

    def begin(self, pool_size: int) -> None:
        """Set the number of images to learn, before the first batch."""
        self.counts[-1] = pool_size

    def per_class(self) -> Tensor:
        """Return the threshold of each class, (C,)."""
        learned = self.counts[:-1]
        beta = learned / (self.counts if self.warmup else learned).amax().clamp_min(1)
        return self.threshold * beta / (2 - beta)

    def keep(self, q: Tensor) -> Tensor:
        """Return whether the largest probability of q (B, C) is at least its class's threshold, (B,) bool."""
        confidence, label = q.max(1)
        return confidence >= self.per_class()[label]

    @torch.no_grad()
    def update(self, rows: Tensor, q: Tensor) -> None:
        """Count the confident predictions q (B, C) on the rows (B,) over the global batch.

        If an image occurs several times in the batch, its last confident prediction counts.
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
