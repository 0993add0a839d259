"""PEPL: trusted images are mixed by boxes, and the mixed label says how much of each class's evidence is left."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.boxes import MixBoxes, draw_pair, mass, paste
from fewlabels.methods.consistency import joint_logits, target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.ramps import shortened
from fewlabels.methods.semantic_mixing import area_shares, evidence_shares, partners, two_label_loss
from fewlabels.methods.thresholds import SelfAdaptiveThresholds
from fewlabels.models.classifier import Classifier
from fewlabels.models.maps.cam import class_activation_maps, enlarge, head_weight
from fewlabels.models.statistics import untracked_statistics
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class PEPLParameters(Parameters):
    """Defaults of the paper's runs (Sec. III-A), and of SnapMix where the paper is silent."""

    momentum: float = parameter(
        0.999, "beta: momentum of the thresholds (Sec. III-A); shorter runs shorten it", least=0, below=1
    )
    labelled_weight: float = parameter(1.0, "gamma: weight of the labelled loss (Sec. III-A)", least=0)
    weight: float = parameter(1.0, "lambda: weight of the unlabelled loss (Sec. III-A)", least=0)
    semantic: bool = parameter(True, "weigh labels by evidence; false: by area (Table II, without semantic aware)")
    normaliser: Literal["batch", "kept"] = parameter(
        "batch", "divide the unlabelled loss by all unlabelled images of the batch, or by those kept"
    )
    beta: int = parameter(
        5, "boxes cover the share 1 - lambda, lambda ~ Beta(beta, beta) (SnapMix)", least=1, most=1000
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch (Sec. III-A)", least=1)


class Trusted(NamedTuple):
    """What the weak views of this process's unlabelled images say."""

    labels: Tensor
    """(muB,) int64 pseudo-labels."""
    kept: Tensor
    """(muB,) bool."""
    shares: Tensor
    """(muB, H, W) where each label's evidence lies, of the sum 1."""


class Mixed(NamedTuple):
    """Mixed images and what they are labelled with."""

    images: Tensor
    """(muB, C, H, W)."""
    labels: tuple[Tensor, Tensor]
    """(muB,) int64 each: a's, and b's of which a box was inserted."""
    rho: tuple[Tensor, Tensor]
    """(muB,) each: the weights of the labels."""


class PEPL(Method):
    """Batch statistics move once, in the pass over labelled and mixed images together.

    Thresholds and activation maps come from a pass in training mode, normalised by its own batch, which leaves the
    running statistics alone (METHODS P16). The batch of mixed images is always full: what is not kept is mixed among
    itself and weighs nothing.
    """

    title = "PEPL"
    paper = "Tian et al., PEPL: Precision-Enhanced Pseudo-Labeling for Fine-Grained Image Classification, ICASSP 2025."
    idea = (
        "Unlabelled images whose prediction passes self-adaptive thresholds are mixed in pairs by pasting a box of one "
        "into the other. Class activation maps say how much of each one's evidence the mixed image holds, and so "
        "weigh its two pseudo-labels."
    )
    hyperparameters = PEPLParameters
    unlabelled_views = ("weak",)
    frozen_trunk = "pixels"
    p: PEPLParameters

    def __init__(self, model: Classifier, parameters: PEPLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        if parameters.semantic:
            head_weight(model)  # refuses nets without activation maps before anything is trained
        momentum = shortened(parameters.momentum, problem.steps)
        self.thresholds = SelfAdaptiveThresholds(problem.num_classes, momentum)

    def losses(self, batch: Batch) -> Losses:
        """Gamma * labelled loss + lambda * loss on mixed images (Sec. II-C); the latter 0 with fewer than two kept."""
        (labelled,), (weak,) = batch.labelled.views, batch.unlabelled.views
        trusted = self.trust(weak)
        mixed = self.mix(weak, trusted, batch.draws)
        logits, mixed_logits = joint_logits(self.model, labelled, mixed.images)
        loss = (two_label_loss(mixed_logits, mixed.labels, mixed.rho) * trusted.kept).mean()
        if self.p.normaliser == "kept":
            kept = gather(trusted.kept)
            loss = loss * len(kept) / kept.sum().clamp_min(1)
        return Losses(
            {
                "supervised": self.p.labelled_weight * cross_entropy(logits, batch.labelled.labels),
                "unlabelled": self.p.weight * loss,
            },
            trusted.kept,
        )

    @torch.no_grad()
    def trust(self, weak: Tensor) -> Trusted:
        """Stage I, and where each pseudo-label's evidence lies: weak views (muB, C, H, W), of square images."""
        with untracked_statistics(self.model):
            seen = self.model.outputs(weak)
        q = target_probabilities(seen.logits)
        self.thresholds.update(q)
        kept = self.thresholds.keep(q)
        kept = kept & (gather(kept).sum() >= 2)
        labels = q.argmax(1)
        if not self.p.semantic:
            return Trusted(labels, kept, area_shares(weak[:, 0]))
        maps = class_activation_maps(seen.map, head_weight(self.model), labels)
        return Trusted(labels, kept, evidence_shares(enlarge(maps.to(weak.dtype), weak.shape[2])))

    @torch.no_grad()
    def mix(self, weak: Tensor, trusted: Trusted, draws: Draws) -> Mixed:
        """Stage II: partners come from the whole global batch, and one pair of boxes serves it, as in SnapMix."""
        removed, inserted = self.boxes(weak, draws)
        brought = mass(trusted.shares, inserted if self.p.semantic else removed)
        kept = gather(trusted.kept)
        everywhere = Draws(draws.fork("partners").key, torch.arange(len(kept)))
        partner = partners(kept, everywhere)[draws.slots.to(kept.device, non_blocking=True)]
        return Mixed(
            paste(weak, gather(weak)[partner], removed, inserted),
            (trusted.labels, gather(trusted.labels)[partner]),
            (1 - mass(trusted.shares, removed), gather(brought)[partner]),
        )

    def boxes(self, weak: Tensor, draws: Draws) -> tuple[MixBoxes, MixBoxes]:
        """The pair of boxes of this step, the same in every process."""
        once = Draws(draws.fork("boxes").key, torch.zeros(1, dtype=torch.int64))
        removed, inserted = draw_pair(once, weak.shape[2], weak.shape[3], self.p.beta)
        return removed.to(weak.device), inserted.to(weak.device)
