"""DMT: two networks train each other in turns, and pseudo-labels that the learner finds unlikely weigh less."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits, target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, most_confident, predicted_labels, unlabelled_rows
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class DmtParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (voldemortX/DST-CBC)."""

    agreement: float = parameter(4.0, "gamma_1: power of the label's probability where the learner agrees", least=0)
    disagreement: float = parameter(
        4.0, "gamma_2: the same where it disagrees and is not more confident than the teacher", least=0
    )
    ramp: float = parameter(1.0, "share of each round over which both powers ramp up (sigmoid)", least=0, most=1)
    step: float = parameter(
        0.2, "share of the pool, most confident first, by which each network's set grows per turn", least=0.01, most=1
    )  # a smaller step would give more rounds than is practical
    labelled_weight: float = parameter(
        1.0, "weight of a labelled image relative to a pseudo-labelled one; more helps if labels are few", above=0
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


@torch.no_grad()
def mutual_weights(q: Tensor, labels: Tensor, confidence: Tensor, agreement: float, disagreement: float) -> Tensor:
    """Return the weight of each pseudo-label, without gradient.

    With p the probability that the learner gives to the pseudo-label, the weight is p^gamma_1 if the learner agrees, 0
    if it disagrees and is more confident than the teacher, and p^gamma_2 otherwise.

    Args:
        q: (B, C) probabilities of the learner.
        labels: (B,) int64 pseudo-labels of the teacher.
        confidence: (B,) the teacher's probabilities of these labels.
        agreement: gamma_1, 0 or more.
        disagreement: gamma_2, 0 or more.

    Returns:
        (B,), from 0 to 1.
    """
    own_confidence, own_labels = q.max(1)
    p = q.gather(1, labels[:, None])[:, 0]
    doubted = torch.where(own_confidence > confidence, 0, p**disagreement)
    return torch.where(own_labels == labels, p**agreement, doubted)


@torch.no_grad()
def swap_weights(networks: Sequence[Classifier]) -> None:
    """Swap the weights and buffers of two networks."""
    first, second = (network.state_dict() for network in networks)
    for name, tensor in first.items():
        kept = tensor.clone()
        tensor.copy_(second[name])
        second[name].copy_(kept)


class Dmt(Method):
    """Batch statistics of a network are updated while it is the learner, that is in half of the steps.

    The first member is always the learner, the only one with gradients: each round starts by swapping the two, in the
    weight average as well. The teacher predicts with its weight average, as in the authors' code. Each network is first
    trained on the labels for one round; then the share of the pool grows after every two rounds (12 rounds of equal
    length with the default step). All images are strongly augmented, as in the authors' code; mixup is left out. The
    code's own structure differs (docs/papers/baselines.md, A2).
    """

    title = "DMT"
    paper = "Feng et al., DMT: Dynamic Mutual Training for Semi-Supervised Learning, Pattern Recognition 2022."
    idea = (
        "Two networks take turns: one gives pseudo-labels for its most confident images, the other is trained on them. "
        "A label that the learner finds unlikely weighs little, and one that it contradicts with more confidence is "
        "ignored."
    )
    hyperparameters = DmtParameters
    labelled_views = ("strong",)
    unlabelled_views = ("strong",)
    reset_each_round = "schedule"
    statistics_passes = 0.5  # pyright: ignore[reportAssignmentType]
    p: DmtParameters

    @classmethod
    def network(cls, parameters: DmtParameters) -> Network:
        """Ask for two networks."""
        return Network(members=2)

    def __init__(self, model: Classifier, parameters: DmtParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)
        self.model.networks()[1].requires_grad_(False)

    @property
    def rounds(self) -> int:
        """Two rounds on the labels alone, and two per step of the share."""
        return 2 + 2 * ceil(1 / self.p.step - 1e-9)

    def start_round(self, number: int, pool: Pool) -> None:
        """Swap the networks; after the rounds on the labels, select the most confident images of the new teacher."""
        if number:
            swap_weights(self.model.networks())
            swap_weights(pool.averaged.networks())
            self.copy_statistics(pool.averaged.networks()[1])
        if number < 2:
            return
        rows = unlabelled_rows(pool)
        labels, confidence = predicted_labels(pool, pool.averaged.networks()[1], rows)
        taken = most_confident(confidence, number // 2 * self.p.step)
        self.pseudo.replace(pool, rows, labels, confidence * taken)

    @torch.no_grad()
    def copy_statistics(self, averaged: Classifier) -> None:
        """Copy the batch statistics of the teacher's weight average to the teacher.

        The average follows the statistics of a network in every step, also while its weights are not trained.
        """
        for own, average in zip(self.model.networks()[1].buffers(), averaged.buffers(), strict=True):
            own.copy_(average)

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropy over labelled and selected images, the latter weighted by :func:`mutual_weights`."""
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
