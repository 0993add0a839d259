"""Pseudo-Label in epochs: after each pass over the pool the confident images join the training set."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, predicted_labels, unlabelled_rows
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class PseudoLabelEpochsParameters(Parameters):
    """Defaults of the report's first task."""

    threshold: float = parameter(
        0.95, "tau: images with a confidence above it are selected (report: 0.95, 0.75 and 0.6)", least=0, below=1
    )
    warmup: float = parameter(
        0.033, "share of the run on the labels alone, at least one epoch (10 of 300 epochs)", least=0, most=1
    )
    accumulate: bool = parameter(
        False, "keep selected images, with their latest confident label (docs/papers/student-report.md, S20)"
    )
    labelled_weight: float = parameter(1.0, "weight of a labelled image relative to a pseudo-labelled one", above=0)
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class PseudoLabelEpochs(Method):
    """Batch statistics are updated in the one pass over labelled and unlabelled images, including those not selected.

    A round is an epoch, one pass over the pool. The set holds labels per image; the authors' code stores augmented and
    normalised pixels as bytes, which destroys them (docs/papers/student-report.md, S8). It is empty if no image is
    confident enough, where their code keeps the previous set (S20), and test images select nothing (S10).
    """

    title = "Pseudo-Label (epochs)"
    paper = "Lee, Pseudo-Label, ICML workshop 2013, as retrained per epoch in a student report on CIFAR (Task 1)."
    idea = (
        "Before each epoch the model predicts the whole pool, and its confident predictions become training labels "
        "with the same weight as given labels. The set of these images is rebuilt in every epoch."
    )
    notes = "docs/papers/student-report.md"
    hyperparameters = PseudoLabelEpochsParameters
    unlabelled_views = ("weak",)
    p: PseudoLabelEpochsParameters

    def __init__(self, model: Classifier, parameters: PseudoLabelEpochsParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)

    @property
    def rounds(self) -> int:
        """Number of passes over the pool, at least one."""
        return max(1, round(self.problem.epochs))

    def start_round(self, number: int, pool: Pool) -> None:
        """After the warm-up, select the images with a confident prediction."""
        if number < self.p.warmup * self.rounds:
            return
        rows = unlabelled_rows(pool)
        labels, confidence = predicted_labels(pool, self.model, rows)
        certainty = torch.where(confidence > self.p.threshold, confidence, 0)
        (self.pseudo.add if self.p.accumulate else self.pseudo.replace)(pool, rows, labels, certainty)

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropy over the union of the labelled and the selected images."""
        (labelled,), (weak,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, weak_logits = joint_logits(self.model, labelled, weak)
        supervised = cross_entropy(logits, batch.labelled.labels)
        ones = torch.ones_like(rows, dtype=torch.float32)
        losses = self.pseudo.union_losses(supervised, weak_logits, rows, ones, self.p.labelled_weight)
        return Losses(losses, self.pseudo.member(rows))

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions with a confidence above the threshold, (N,) bool."""
        return probabilities.amax(1) > self.p.threshold
