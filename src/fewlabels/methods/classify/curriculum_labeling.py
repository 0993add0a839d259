"""Curriculum Labeling: the surest fifth of the pool is trained on, then two fifths, each time from the start."""

from dataclasses import dataclass
from math import ceil

import torch
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, predict, surest, without_label
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class CurriculumLabelingParameters(Parameters):
    """Defaults of the authors' code (uvavision/Curriculum-Labeling)."""

    step: float = parameter(
        0.2, "share of the pool that is added with each round, surest first, until all is used", least=0.01, most=1
    )  # with a smaller one the run is all rounds
    labelled_weight: float = parameter(
        1.0, "what a labelled image counts beside one of the set; more helps where labels are few", above=0
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class CurriculumLabeling(Method):
    """Batch statistics move in the one pass over labelled and unlabelled images, those outside the set included.

    Rounds: one on the labels alone, then one per percentile, of equal length, each from the initial weights (with the
    default step 6 in all). Labels come from the weight average, where the authors' code has stochastic weight
    averaging. The mixup of its best runs is left out. As there, all images are strongly augmented.
    """

    title = "Curriculum Labeling"
    paper = (
        "Cascante-Bonilla et al., Curriculum Labeling: Revisiting Pseudo-Labeling for Semi-Supervised Learning, "
        "AAAI 2021."
    )
    idea = (
        "A model trained on the labels labels the pool, and a new one is trained on the surest fifth too. It labels "
        "the pool again for the next, with two fifths, until all images are used; wrong labels are forgotten with the "
        "weights."
    )
    hyperparameters = CurriculumLabelingParameters
    labelled_views = ("strong",)
    unlabelled_views = ("strong",)
    reset_each_round = "weights"
    p: CurriculumLabelingParameters

    def __init__(self, model: Classifier, parameters: CurriculumLabelingParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)

    @property
    def rounds(self) -> int:
        """One on the labels alone, and one per step of the share."""
        return 1 + ceil(1 / self.p.step - 1e-9)

    def start_round(self, number: int, pool: Pool) -> None:
        """Select the surest images by the average of the round before."""
        if not number:
            return
        rows = without_label(pool)
        labels, confidence = predict(pool, pool.averaged, rows)
        taken = surest(confidence, number * self.p.step)
        self.pseudo.replace(pool, rows, labels, confidence * taken)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy over the union of the labelled and the selected images."""
        (labelled,), (view,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, own_logits = joint_logits(self.model, labelled, view)
        supervised = cross_entropy(logits, batch.labelled.labels)
        ones = torch.ones_like(rows, dtype=torch.float32)
        return Losses(
            self.pseudo.union_losses(supervised, own_logits, rows, ones, self.p.labelled_weight),
            self.pseudo.member(rows),
        )
