"""Dual Student: of two networks, the one that is stable on an image teaches the other."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import softmax_mse, target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Problem, parameter
from fewlabels.methods.negatives import check_count, draw_negatives, equal_weights, negative_loss, negatives_ramp
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics


@dataclass(frozen=True)
class DualStudentParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (ZHKKKe/DualStudent); of the negatives, DNLL's code for its Sec. 4.7.

    That code divides the cross-entropy by the whole batch, half of it labelled. Beside our mean over the labelled
    images its consistency would be 20, its logit distance 0.02 and its stabilisation 100.
    """

    stable: float = parameter(
        0.8, "xi: confidence that a stable student exceeds on one view at least (Sec. 3.3)", least=0, most=1
    )
    consistency: float = parameter(10.0, "weight of each student's agreement with itself on another view", least=0)
    stabilisation: float = parameter(100.0, "weight of what a stable student teaches the other", least=0)
    logit_distance: float = parameter(
        0.01, "weight of the squared distance between the logits of a student's heads", least=0
    )
    ramp: float = parameter(
        5 / 300,
        "share of the run over which the first two weights grow as a sigmoid (5 of 300 epochs)",
        least=0,
        most=1,
    )
    negatives: int = parameter(
        0, "m: negative labels per image where a student is not taught (DNLL, Sec. 4.7; its code draws 2); 0 is none"
    )
    negatives_weight: float = parameter(2.0, "weight of the negative loss, a mean over the m, after its ramp", least=0)
    negatives_ramp: float = parameter(
        0.15, "share of the run over which that grows from a quarter (15 of 100 epochs)", least=0, most=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch (50 to 50)", least=1)

    def validate(self, num_classes: int) -> None:
        """There are m classes besides the predicted one."""
        check_count("negatives", self.negatives, 0, num_classes)


class Answers(NamedTuple):
    """What one student says; L labelled images, B unlabelled ones."""

    logits: Tensor
    """(L + B, K) of the classification head, on its own views."""
    consistent: Tensor
    """(L + B, K) of the consistency head, on its own views."""
    other: Tensor
    """(B, K) probabilities of the classification head on the other student's view, without gradient."""


def is_stable(own: Tensor, other: Tensor, threshold: float) -> Tensor:
    """(B,) bool: one class on both views, and sure of it on one at least (Sec. 3.3); probabilities (B, K)."""
    (own_confidence, own_label), (other_confidence, other_label) = own.max(1), other.max(1)
    return (own_label == other_label) & (torch.maximum(own_confidence, other_confidence) > threshold)


def teaches(stable: Tensor, other_stable: Tensor, distance: Tensor, other_distance: Tensor) -> Tensor:
    """(B,) bool: does a student teach the other, given if each is stable and how far its two answers are apart?

    The stable teaches the unstable; of two stable ones the more consistent does, both where they are equally so.
    """
    return stable & ~(other_stable & (other_distance < distance))


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Mean of values (B,) over the images of the global batch that are meant; 0 where none is."""
    share = gather(where.to(values.dtype)).mean()
    return (values * where).mean() / torch.where(share > 0, share, 1)


class DualStudent(Method):
    """Batch statistics of each student move in the pass over its own views, not in that over the other's.

    A student's second head learns from the other student and from its own answers, so that those don't push the
    classification head about; the two heads are held near each other. Only classification heads are evaluated.
    """

    title = "Dual Student"
    paper = "Ke et al., Dual Student: Breaking the Limits of the Teacher in Semi-supervised Learning, ICCV 2019."
    idea = (
        "Two networks look at two views of each unlabelled image. One that gives the same confident answer on both "
        "teaches the other there; if both do, the more consistent one teaches."
    )
    hyperparameters = DualStudentParameters
    labelled_views = ("weak", "weak")
    unlabelled_views = ("weak", "weak")
    p: DualStudentParameters

    def __init__(self, model: Classifier, parameters: DualStudentParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.heads = nn.ModuleList(nn.Linear(network.num_features, problem.num_classes) for network in model.networks())

    @classmethod
    def network(cls, parameters: DualStudentParameters) -> Network:
        """Two networks."""
        return Network(members=2)

    def answers(self, batch: Batch) -> list[Answers]:
        """Both students, each on its own view with gradient, on the other's without."""
        views = batch.unlabelled.views
        students = zip(self.model.networks(), self.heads, batch.labelled.views, views, views[::-1], strict=True)
        found = []
        for network, head, labelled, own, other in students:
            features = network.features(torch.cat([labelled, own]))
            with torch.no_grad(), untracked_statistics(network):
                other_probabilities = target_probabilities(network(other))
            found.append(Answers(network.head(features).float(), head(features).float(), other_probabilities))
        return found

    def losses(self, batch: Batch) -> Losses:
        """Supervised + consistency + stabilisation + logit distance, of both students, + negatives where asked for."""
        labels, cut, students = batch.labelled.labels, len(batch.labelled.labels), self.answers(batch)
        own = [target_probabilities(student.logits[cut:]) for student in students]
        distances = [softmax_mse(student.consistent[cut:], student.other) for student in students]
        stable = [is_stable(p, student.other, self.p.stable) for p, student in zip(own, students, strict=True)]
        first, second = teaches(*stable, *distances), teaches(*stable[::-1], *distances[::-1])
        lessons = [
            (softmax_mse(student.consistent[cut:], target) * taught).mean()
            for student, target, taught in zip(students, own[::-1], (second, first), strict=True)
        ]
        coupling = [(student.logits - student.consistent).square().mean() for student in students]
        ramp = sigmoid_ramp(batch.progress, self.p.ramp)
        terms = {
            "supervised": torch.stack([cross_entropy(student.logits[:cut], labels) for student in students]).sum(),
            "consistency": ramp * self.p.consistency * torch.stack(distances).mean(1).sum(),
            "stabilisation": ramp * self.p.stabilisation * torch.stack(lessons).sum(),
            "logit_distance": self.p.logit_distance * torch.stack(coupling).sum(),
        }
        if self.p.negatives:
            terms["negatives"] = self.negatives_term(students, (second, first), batch)
        return Losses(terms, first | second)

    def negatives_term(self, students: list[Answers], taught: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
        """Where a student isn't taught, negatives of the other's prediction on the same view (DNLL, METHODS D22)."""
        cut, losses = len(batch.labelled.labels), []
        for number, (learner, other, skip) in enumerate(zip(students, students[::-1], taught, strict=True)):
            equal = equal_weights(self.num_classes, other.other.device)
            draws = batch.draws.fork(f"negatives {number}")
            negatives = draw_negatives(other.other.argmax(1), equal, self.p.negatives, draws)
            losses.append(mean_where(negative_loss(learner.consistent[cut:], negatives, "mean"), ~skip))
        weight = self.p.negatives_weight * negatives_ramp(batch.progress, self.p.negatives_ramp)
        return weight * torch.stack(losses).sum()

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Trusted above the confidence that a stable student exceeds."""
        return probabilities.amax(1) > self.p.stable
