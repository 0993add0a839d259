"""DMT: two networks take turns, and where they disagree the learner doubts the label."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits, target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, predict, surest, without_label
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class DmtParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (voldemortX/DST-CBC)."""

    agreement: float = parameter(4.0, "gamma_1: power of the label's probability where the learner agrees", least=0)
    disagreement: float = parameter(
        4.0, "gamma_2: the same where it disagrees and is not surer than the teacher", least=0
    )
    ramp: float = parameter(1.0, "share of each round over which both powers grow as a sigmoid", least=0, most=1)
    step: float = parameter(
        0.2, "share of the pool, surest first, by which each network's labels grow per turn", least=0.01, most=1
    )  # with a smaller one the run is all rounds
    labelled_weight: float = parameter(
        1.0, "what a labelled image counts beside one of the set; more helps where labels are few", above=0
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


@torch.no_grad()
def mutual_weights(q: Tensor, labels: Tensor, confidence: Tensor, agreement: float, disagreement: float) -> Tensor:
    """(B,) what each pseudo-label counts: p^gamma_1 where the learner agrees, 0 where it disagrees and is surer.

    Otherwise p^gamma_2; p is the probability that the learner gives to the pseudo-label.

    Args:
        q: (B, C) the learner's probabilities.
        labels: (B,) the teacher's labels.
        confidence: (B,) the teacher's probability of each.
        agreement: gamma_1.
        disagreement: gamma_2.
    """
    own_confidence, own_labels = q.max(1)
    p = q.gather(1, labels[:, None])[:, 0]
    doubted = torch.where(own_confidence > confidence, 0, p**disagreement)
    return torch.where(own_labels == labels, p**agreement, doubted)


@torch.no_grad()
def change_places(networks: Sequence[Classifier]) -> None:
    """Give each of two networks the weights and buffers of the other."""
    first, second = (network.state_dict() for network in networks)
    for name, tensor in first.items():
        kept = tensor.clone()
        tensor.copy_(second[name])
        second[name].copy_(kept)


class Dmt(Method):
    """Batch statistics of the learner move in its one pass; the teacher rests, so each network moves in half the steps.

    The first member is always the learner, the only one with gradients: at each round the two change places, in the
    weight average too. The teacher labels with its weight average, as in the authors' code. Both first learn the
    labels for a round each; then the share of the pool grows whenever both had their turn (with the default step 12
    rounds of equal length). The mixup of the paper's runs is left out; as there, all images are strongly augmented.
    """

    title = "DMT"
    paper = "Feng et al., DMT: Dynamic Mutual Training for Semi-Supervised Learning, Pattern Recognition 2022."
    idea = (
        "Two networks take turns: one labels the images that it is surest of, the other learns them. A label that "
        "the learner finds unlikely counts little, and one that it contradicts with more confidence counts nothing."
    )
    hyperparameters = DmtParameters
    labelled_views = ("strong",)
    unlabelled_views = ("strong",)
    reset_each_round = "schedule"
    statistics_passes = 0.5  # pyright: ignore[reportAssignmentType]
    p: DmtParameters

    @classmethod
    def network(cls, parameters: DmtParameters) -> Network:
        """Two networks."""
        return Network(members=2)

    def __init__(self, model: Classifier, parameters: DmtParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)
        self.model.networks()[1].requires_grad_(False)

    @property
    def rounds(self) -> int:
        """Two turns on the labels alone, and two per step of the share."""
        return 2 + 2 * ceil(1 / self.p.step - 1e-9)

    def start_round(self, number: int, pool: Pool) -> None:
        """Change places; once both know the labels, let the one that rests now label its surest images."""
        if number:
            change_places(self.model.networks())
            change_places(pool.averaged.networks())
            self.rest(pool.averaged.networks()[1])
        if number < 2:
            return
        rows = without_label(pool)
        labels, confidence = predict(pool, pool.averaged.networks()[1], rows)
        taken = surest(confidence, number // 2 * self.p.step)
        self.pseudo.replace(pool, rows, labels, confidence * taken)

    @torch.no_grad()
    def rest(self, averaged: Classifier) -> None:
        """Give the resting network its average's batch statistics, so that the average goes on fitting its weights."""
        for own, average in zip(self.model.networks()[1].buffers(), averaged.buffers(), strict=True):
            own.copy_(average)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy over the union of the labelled and the selected images, these weighted by agreement."""
        (labelled,), (view,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        learner = self.model.networks()[0]
        logits, own_logits = joint_logits(learner, labelled, view)
        within = min(max(batch.progress * self.rounds - batch.round, 0.0), 1.0)
        ramp = sigmoid_ramp(within, self.p.ramp)
        weights = mutual_weights(
            target_probabilities(own_logits), self.pseudo.labels[rows], self.pseudo.certainty[rows],
            ramp * self.p.agreement, ramp * self.p.disagreement,
        )  # fmt: skip
        supervised = cross_entropy(logits, batch.labelled.labels)
        kept = self.pseudo.member(rows) & (weights > 0)
        return Losses(self.pseudo.union_losses(supervised, own_logits, rows, weights, self.p.labelled_weight), kept)
