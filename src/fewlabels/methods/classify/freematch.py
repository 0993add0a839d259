"""FreeMatch: FixMatch with thresholds that follow the model's own confidence, and a fairness term."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fewlabels.methods.alignment import DistributionAlignment
from fewlabels.methods.consistency import (
    Passes,
    pseudo_label_loss,
    target_probabilities,
    weak_to_strong_logits,
)
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.ramps import shortened_momentum
from fewlabels.methods.thresholds import SelfAdaptiveThresholds
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class FreeMatchParameters(Parameters):
    """Defaults of the paper's CIFAR-10 runs."""

    momentum: float = parameter(
        0.999,
        "lambda: momentum of thresholds and histograms (Eq. 5, 6 and 10); reduced in runs under 10,000 steps",
        least=0,
        below=1,
    )
    weight: float = parameter(1.0, "w_u: weight of the unlabelled loss (Eq. 13)", least=0)
    fairness: float = parameter(
        0.01, "w_f: weight of the self-adaptive fairness term; 0 switches it off (Eq. 13)", least=0
    )
    align: bool = parameter(False, "distribution alignment before the thresholds (ReMixMatch, not in the paper)")
    passes: Passes = parameter("separate", "pass weak views alone and without gradient, or all views jointly (`joint`)")
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


def normalised_ratio(share: Tensor, histogram: Tensor) -> Tensor:
    """Return SumNorm(share / histogram), (C,); classes with an empty histogram count 0 (Eq. 12)."""
    ratio = torch.where(histogram > 0, share / histogram.clamp_min(1e-12), torch.zeros_like(share))
    return ratio / ratio.sum().clamp_min(1e-12)


def fairness_loss(strong_logits: Tensor, kept: Tensor, p: Tensor, histogram: Tensor) -> Tensor:
    """Return sum_c SumNorm(p/h)_c log SumNorm(pbar/hbar)_c, which is to be minimised (Eq. 11 and 12).

    It is -H(., .) of the paper, the negative of a cross-entropy; minimising it spreads the predictions over the
    classes. The counts have no gradient, as in the authors' code.

    Args:
        strong_logits: (B, C) of the strong views, the global batch.
        kept: (B,) bool; pbar and hbar are the mean prediction and the histogram of the kept images.
        p: (C,) running mean of the prediction on weak views.
        histogram: (C,) running histogram h of the predictions on weak views.

    Returns:
        a scalar; 0 without gradient if no image is kept.
    """
    q = strong_logits.float().softmax(1).to(p.dtype)
    weight = kept.to(q.dtype)[:, None] / kept.sum().clamp_min(1)
    mean, counts = (q * weight).sum(0), (one_hot(q.argmax(1), q.shape[1]) * weight).sum(0)
    cross = (normalised_ratio(p, histogram) * torch.log(normalised_ratio(mean, counts) + 1e-12)).sum()
    return torch.where(kept.any(), cross, cross.new_zeros(()))


class FreeMatch(Method):
    """Batch statistics are updated twice: by the weak views, then by labelled and strong views."""

    title = "FreeMatch"
    paper = "Wang et al., FreeMatch: Self-adaptive Thresholding for Semi-supervised Learning, ICLR 2023."
    idea = (
        "FixMatch with a threshold that starts low and follows the model's mean confidence, and is lower for rarely "
        "predicted classes. A fairness term keeps the predictions from collapsing to few classes."
    )
    hyperparameters = FreeMatchParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: FreeMatchParameters
    histogram: Tensor

    def __init__(self, model: Classifier, parameters: FreeMatchParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.momentum = shortened_momentum(parameters.momentum, problem.steps)
        self.thresholds = SelfAdaptiveThresholds(problem.num_classes, self.momentum)
        self.alignment = DistributionAlignment(problem.num_classes, self.momentum)
        self.register_buffer("histogram", torch.full((problem.num_classes,), 1 / problem.num_classes))

    @torch.no_grad()
    def count(self, q: Tensor) -> None:
        """Update the histogram of predicted classes with this global batch of q (B, C) (Eq. 10)."""
        counts = one_hot(gather(q).argmax(1), self.num_classes).to(q.dtype)
        self.histogram.lerp_(counts.mean(0), 1 - self.momentum)

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + w_u * unlabelled loss + w_f * fairness loss (Eq. 13)."""
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        logits, weak_logits, strong_logits = weak_to_strong_logits(self.model, labelled, weak, strong, self.p.passes)
        q = target_probabilities(weak_logits)
        if self.p.align:
            q = self.alignment(q, batch.labelled.labels)
        self.thresholds.update(q)
        kept = self.thresholds.keep(q)
        terms = {
            "supervised": cross_entropy(logits, batch.labelled.labels),
            "unlabelled": self.p.weight * pseudo_label_loss(strong_logits, q.argmax(1), kept),
        }
        if self.p.fairness:
            self.count(q)
            fairness = fairness_loss(gather(strong_logits), gather(kept), self.thresholds.p, self.histogram)
            terms["fairness"] = self.p.fairness * fairness
        return Losses(terms, kept)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions above the current threshold of their class, (N,) bool."""
        return self.thresholds.keep(probabilities)
