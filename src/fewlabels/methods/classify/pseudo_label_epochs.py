"""Pseudo-Label in epochs: after each pass over the pool the confident images join the training set."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, predict, without_label
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class PseudoLabelEpochsParameters(Parameters):
    """Defaults of the report's first task."""

    threshold: float = parameter(
        0.95, "tau: an image joins with a confidence above it (report: 0.95, 0.75 and 0.6)", least=0, below=1
    )
    warmup: float = parameter(
        0.033, "share of the run on the labels alone, at least one epoch (10 of 300 epochs)", least=0, most=1
    )
    accumulate: bool = parameter(False, "images that joined stay, with the latest label that was sure enough")
    labelled_weight: float = parameter(1.0, "what a labelled image counts beside one of the set", above=0)
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class PseudoLabelEpochs(Method):
    """Batch statistics move in the one pass over labelled and unlabelled images, those outside the set included.

    A round is an epoch, one pass over the pool. The set is kept as labels per image (the authors' code keeps the
    augmented and normalised pixels as bytes, which destroys them), is empty where no image is sure enough (their
    code goes on with the last one), and nothing is chosen by test images.
    """

    title = "Pseudo-Label (epochs)"
    paper = "Lee, Pseudo-Label, ICML workshop 2013, as retrained per epoch in a student report on CIFAR (Task 1)."
    idea = (
        "Before each epoch the model looks at the whole pool, and the images it is sure of are trained on with that "
        "label, beside the labelled ones and with the same weight. The set is made anew every time."
    )
    hyperparameters = PseudoLabelEpochsParameters
    unlabelled_views = ("weak",)
    p: PseudoLabelEpochsParameters

    def __init__(self, model: Classifier, parameters: PseudoLabelEpochsParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)

    @property
    def rounds(self) -> int:
        """Passes over the pool."""
        return max(1, round(self.problem.epochs))

    def start_round(self, number: int, pool: Pool) -> None:
        """After the warm-up, select what the model is sure of."""
        if number < self.p.warmup * self.rounds:
            return
        rows = without_label(pool)
        labels, confidence = predict(pool, self.model, rows)
        sure = torch.where(confidence > self.p.threshold, confidence, 0)
        (self.pseudo.add if self.p.accumulate else self.pseudo.replace)(pool, rows, labels, sure)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy over the union of the labelled and the selected images."""
        (labelled,), (weak,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, weak_logits = joint_logits(self.model, labelled, weak)
        supervised = cross_entropy(logits, batch.labelled.labels)
        ones = torch.ones_like(rows, dtype=torch.float32)
        losses = self.pseudo.union_losses(supervised, weak_logits, rows, ones, self.p.labelled_weight)
        return Losses(losses, self.pseudo.member(rows))

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Trusted above the threshold."""
        return probabilities.amax(1) > self.p.threshold
