"""Dual Student: of two networks, the one whose prediction on an image is stable teaches the other."""

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
    """Defaults of the authors' CIFAR-10 runs (ZHKKKe/DualStudent), and of DNLL's code for its Sec. 4.7 (negatives).

    DNLL's code divides the cross-entropy by the whole batch, half of which is labelled. Relative to our mean over the
    labelled images its consistency would be 20, its logit distance 0.02 and its stabilisation 100
    (docs/papers/dnll.md, A4).
    """

    stable: float = parameter(
        0.8, "xi: confidence that a stable student exceeds on at least one view (Sec. 3.3)", least=0, most=1
    )
    consistency: float = parameter(10.0, "weight of each student's agreement with itself on another view", least=0)
    stabilisation: float = parameter(100.0, "weight of the loss by which a stable student teaches the other", least=0)
    logit_distance: float = parameter(
        0.01, "weight of the squared distance between the logits of a student's heads", least=0
    )
    ramp: float = parameter(
        5 / 300,
        "share of the run over which the first two weights ramp up as a sigmoid (5 of 300 epochs)",
        least=0,
        most=1,
    )
    negatives: int = parameter(
        0, "m: negative labels per image that a student is not taught on (DNLL, Sec. 4.7; its code draws 2); 0 is none"
    )
    negatives_weight: float = parameter(2.0, "weight of the negative loss, a mean over the m, after its ramp", least=0)
    negatives_ramp: float = parameter(
        0.15, "share of the run over which that weight rises from a quarter (15 of 100 epochs)", least=0, most=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch (50 and 50)", least=1)

    def validate(self, num_classes: int) -> None:
        """Check that there are m classes other than the predicted one."""
        check_count("negatives", self.negatives, 0, num_classes)


class StudentOutputs(NamedTuple):
    """Outputs of one student for L labelled and B unlabelled images."""

    logits: Tensor
    """(L + B, K) of the classification head, on the student's own views."""
    consistent: Tensor
    """(L + B, K) of the consistency head, on the student's own views."""
    other: Tensor
    """(B, K) probabilities of the classification head on the other student's view, without gradient."""


def is_stable(own: Tensor, other: Tensor, threshold: float) -> Tensor:
    """Return whether a student is stable on each image (Sec. 3.3).

    It is stable if it predicts the same class on both views, on at least one of them with a confidence above the
    threshold.

    Args:
        own: (B, K) probabilities on the student's own view.
        other: (B, K) probabilities on the other view.
        threshold: xi, from 0 to 1.

    Returns:
        (B,) bool.
    """
    (own_confidence, own_label), (other_confidence, other_label) = own.max(1), other.max(1)
    return (own_label == other_label) & (torch.maximum(own_confidence, other_confidence) > threshold)


def teaches(stable: Tensor, other_stable: Tensor, distance: Tensor, other_distance: Tensor) -> Tensor:
    """Return whether a student teaches the other on each image, (B,) bool (Sec. 3.3).

    A stable student teaches an unstable one. Of two stable students the more consistent one teaches; if they are
    equally consistent, both do.

    Args:
        stable: (B,) bool, whether the student is stable.
        other_stable: (B,) bool, whether the other one is.
        distance: (B,) distance between the student's predictions on its two views.
        other_distance: (B,) the same of the other student.
    """
    return stable & ~(other_stable & (other_distance < distance))


def mean_where(values: Tensor, where: Tensor) -> Tensor:
    """Average values (B,) over the selected images of the global batch, ``where`` (B,) bool; 0 if none is selected."""
    share = gather(where.to(values.dtype)).mean()
    return (values * where).mean() / torch.where(share > 0, share, 1)


class DualStudent(Method):
    """Batch statistics of each student are updated in the pass over its own views, not in that over the other's.

    A student's second head is trained on the predictions of both students, so that these do not disturb the
    classification head; the logit distance keeps the two heads similar. Only the classification heads are evaluated.
    """

    title = "Dual Student"
    paper = "Ke et al., Dual Student: Breaking the Limits of the Teacher in Semi-supervised Learning, ICCV 2019."
    idea = (
        "Two networks each predict two views of every unlabelled image. A network that predicts the same class "
        "confidently on both views teaches the other one; if both do, the more consistent one teaches."
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
        """Ask for two networks."""
        return Network(members=2)

    def outputs(self, batch: Batch) -> list[StudentOutputs]:
        """Return the outputs of both students: with gradient on the own view, without on the other's."""
        views = batch.unlabelled.views
        students = zip(self.model.networks(), self.heads, batch.labelled.views, views, views[::-1], strict=True)
        outputs = []
        for network, head, labelled, own, other in students:
            features = network.features(torch.cat([labelled, own]))
            with torch.no_grad(), untracked_statistics(network):
                other_probabilities = target_probabilities(network(other))
            outputs.append(StudentOutputs(network.head(features).float(), head(features).float(), other_probabilities))
        return outputs

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + consistency + stabilisation + logit distance, summed over both students.

        The loss on negative labels is added if ``negatives`` is above 0.
        """
        labels, cut, students = batch.labelled.labels, len(batch.labelled.labels), self.outputs(batch)
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

    def negatives_term(self, students: list[StudentOutputs], taught: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
        """Return the loss on negative labels of the images that a student is not taught on.

        The negatives are drawn from the other student's prediction on the same view (docs/papers/dnll.md, D22).
        """
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
        """Accept predictions above the confidence xi that a stable student exceeds, (N,) bool."""
        return probabilities.amax(1) > self.p.stable
