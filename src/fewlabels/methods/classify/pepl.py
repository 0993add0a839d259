"""PEPL: confident images are mixed by boxes, and both labels are weighted by the class evidence in the mixture."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.boxes import MixBoxes, draw_pair, mass, paste
from fewlabels.methods.consistency import joint_logits, target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.ramps import shortened_momentum
from fewlabels.methods.semantic_mixing import area_shares, evidence_shares, grouped_partners, two_label_loss
from fewlabels.methods.thresholds import SelfAdaptiveThresholds
from fewlabels.models.classifier import Classifier
from fewlabels.models.maps.cam import class_activation_maps, enlarge, head_weight
from fewlabels.models.statistics import untracked_statistics
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class PEPLParameters(Parameters):
    """Defaults of the paper's runs (Sec. III-A), and of SnapMix where the paper is silent."""

    momentum: float = parameter(
        0.999, "beta: momentum of the thresholds (Sec. III-A); reduced in runs under 10,000 steps", least=0, below=1
    )
    labelled_weight: float = parameter(1.0, "gamma: weight of the labelled loss (Sec. III-A)", least=0)
    weight: float = parameter(1.0, "lambda: weight of the unlabelled loss (Sec. III-A)", least=0)
    semantic: bool = parameter(
        True, "weight labels by class evidence; false: by area (Table II; docs/papers/pepl.md, P19)"
    )
    normaliser: Literal["batch", "kept"] = parameter(
        "batch",
        "divide the unlabelled loss by all unlabelled images of the batch, or by the kept ones "
        "(docs/papers/pepl.md, P13)",
    )
    beta: int = parameter(
        5, "boxes cover the share 1 - lambda, lambda ~ Beta(beta, beta) (SnapMix)", least=1, most=1000
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch (Sec. III-A)", least=1)


class PseudoLabels(NamedTuple):
    """Predictions on the weak views of this process's unlabelled images (stage I)."""

    labels: Tensor
    """(muB,) int64 pseudo-labels."""
    kept: Tensor
    """(muB,) bool, whether they pass the thresholds."""
    shares: Tensor
    """(muB, H, W) share of each pixel in the evidence for the pseudo-label; the sum over an image is 1."""


class SemanticMix(NamedTuple):
    """Mixed images with two weighted labels each (stage II)."""

    images: Tensor
    """(muB, C, H, W)."""
    labels: tuple[Tensor, Tensor]
    """(muB,) int64 each: labels of the images a, and of the images b whose boxes were inserted."""
    rho: tuple[Tensor, Tensor]
    """(muB,) each: weights of these labels."""


class PEPL(Method):
    """Batch statistics are updated in the one pass over labelled and mixed images together.

    Thresholds and activation maps come from a pass in training mode, normalised by its own batch, that does not update
    the running statistics (docs/papers/pepl.md, P16). All images of the batch are mixed, so that shapes are static:
    those not kept are mixed among themselves and have weight 0.
    """

    title = "PEPL"
    paper = "Tian et al., PEPL: Precision-Enhanced Pseudo-Labeling for Fine-Grained Image Classification, ICASSP 2025."
    idea = (
        "Unlabelled images whose prediction passes self-adaptive thresholds are mixed in pairs by pasting a box of one "
        "into the other. The two pseudo-labels of a mixed image are weighted by the class evidence that it contains of "
        "each, measured by class activation maps."
    )
    notes = "docs/papers/pepl.md"
    hyperparameters = PEPLParameters
    unlabelled_views = ("weak",)
    frozen_trunk = "pixels"
    p: PEPLParameters

    def __init__(self, model: Classifier, parameters: PEPLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        if parameters.semantic:
            head_weight(model)  # raises for networks without activation maps before anything is trained
        momentum = shortened_momentum(parameters.momentum, problem.steps)
        self.thresholds = SelfAdaptiveThresholds(problem.num_classes, momentum)

    def losses(self, batch: Batch) -> Losses:
        """Return gamma * labelled loss + lambda * loss on mixed images (Sec. II-C).

        The latter is 0 if fewer than two images are kept.
        """
        (labelled,), (weak,) = batch.labelled.views, batch.unlabelled.views
        pseudo = self.pseudo_labels(weak)
        mixed = self.mix(weak, pseudo, batch.draws)
        logits, mixed_logits = joint_logits(self.model, labelled, mixed.images)
        loss = (two_label_loss(mixed_logits, mixed.labels, mixed.rho) * pseudo.kept).mean()
        if self.p.normaliser == "kept":
            kept = gather(pseudo.kept)
            loss = loss * len(kept) / kept.sum().clamp_min(1)
        return Losses(
            {
                "supervised": self.p.labelled_weight * cross_entropy(logits, batch.labelled.labels),
                "unlabelled": self.p.weight * loss,
            },
            pseudo.kept,
        )

    @torch.no_grad()
    def pseudo_labels(self, weak: Tensor) -> PseudoLabels:
        """Return stage I and the evidence maps of the weak views (muB, C, H, W), which are square."""
        with untracked_statistics(self.model):
            outputs = self.model.outputs(weak)
        q = target_probabilities(outputs.logits)
        self.thresholds.update(q)
        kept = self.thresholds.keep(q)
        kept = kept & (gather(kept).sum() >= 2)
        labels = q.argmax(1)
        if not self.p.semantic:
            return PseudoLabels(labels, kept, area_shares(weak[:, 0]))
        maps = class_activation_maps(outputs.map, head_weight(self.model), labels)
        return PseudoLabels(labels, kept, evidence_shares(enlarge(maps.to(weak.dtype), weak.shape[2])))

    @torch.no_grad()
    def mix(self, weak: Tensor, pseudo: PseudoLabels, draws: Draws) -> SemanticMix:
        """Return stage II: partners from the whole global batch and one pair of boxes for all images, as in SnapMix."""
        removed, inserted = self.boxes(weak, draws)
        brought = mass(pseudo.shares, inserted if self.p.semantic else removed)
        kept = gather(pseudo.kept)
        all_slots = Draws(draws.fork("partners").key, torch.arange(len(kept)))
        partner = grouped_partners(kept, all_slots)[draws.slots.to(kept.device, non_blocking=True)]
        return SemanticMix(
            paste(weak, gather(weak)[partner], removed, inserted),
            (pseudo.labels, gather(pseudo.labels)[partner]),
            (1 - mass(pseudo.shares, removed), gather(brought)[partner]),
        )

    def boxes(self, weak: Tensor, draws: Draws) -> tuple[MixBoxes, MixBoxes]:
        """Draw the boxes to remove and to insert in this step, the same in every process."""
        once = Draws(draws.fork("boxes").key, torch.zeros(1, dtype=torch.int64))
        removed, inserted = draw_pair(once, weak.shape[2], weak.shape[3], self.p.beta)
        return removed.to(weak.device), inserted.to(weak.device)
