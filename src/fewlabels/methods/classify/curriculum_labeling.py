"""Curriculum Labeling: pseudo-labels of the most confident fifth, then two fifths, ..., each time from new weights."""

from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.pseudo_set import PseudoSet, most_confident, predicted_labels, unlabelled_rows
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class CurriculumLabelingParameters(Parameters):
    """Defaults of the authors' code (uvavision/Curriculum-Labeling)."""

    step: float = parameter(
        0.2, "share of the pool added in each round, most confident first, until all is used", least=0.01, most=1
    )  # a smaller step would give more rounds than is practical
    labelled_weight: float = parameter(
        1.0, "weight of a labelled image relative to a pseudo-labelled one; more helps if labels are few", above=0
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class CurriculumLabeling(Method):
    """Batch statistics are updated in the one pass over labelled and unlabelled images, including those not selected.

    The first round uses the labels alone, each further round one more percentile. All rounds have the same length and
    start from the initial weights (6 rounds with the default step). The pseudo-labels come from the weight average; the
    authors' code uses stochastic weight averaging. As there, all images are strongly augmented, and classes are
    weighted by :func:`class_weights`; mixup is left out (docs/papers/baselines.md, A1).
    """

    title = "Curriculum Labeling"
    paper = (
        "Cascante-Bonilla et al., Curriculum Labeling: Revisiting Pseudo-Labeling for Semi-Supervised Learning, "
        "AAAI 2021."
    )
    idea = (
        "A model trained on the labels predicts labels for the pool, and a new model is trained on the most confident "
        "fifth as well. This is repeated with two fifths and so on until all images are used; each round starts from "
        "new weights, so that early errors are not kept."
    )
    hyperparameters = CurriculumLabelingParameters
    labelled_views = ("strong",)
    unlabelled_views = ("strong",)
    reset_each_round = "weights"
    p: CurriculumLabelingParameters
    class_weights: Tensor
    """(K,), of the images that the round trains on."""

    def __init__(self, model: Classifier, parameters: CurriculumLabelingParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.pseudo = PseudoSet(problem)
        self.register_buffer("class_weights", torch.ones(problem.num_classes))

    @property
    def rounds(self) -> int:
        """One round on the labels alone, and one per step of the share."""
        return 1 + ceil(1 / self.p.step - 1e-9)

    def start_round(self, number: int, pool: Pool) -> None:
        """Select the most confident images by the weight average of the previous round."""
        if not number:
            return
        rows = unlabelled_rows(pool)
        labels, confidence = predicted_labels(pool, pool.averaged, rows)
        taken = most_confident(confidence, number * self.p.step)
        self.pseudo.replace(pool, rows, labels, confidence * taken)
        given, found = (torch.bincount(each, minlength=self.num_classes) for each in (pool.labels, labels[taken]))
        self.class_weights.copy_(class_weights(self.p.labelled_weight * given.cpu() + found))

    def losses(self, batch: Batch) -> Losses:
        """Return the weighted cross-entropy over the union of the labelled and the selected images."""
        (labelled,), (view,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, own_logits = joint_logits(self.model, labelled, view)
        labels = batch.labelled.labels
        supervised = (cross_entropy(logits, labels, reduction="none") * self.class_weights[labels]).mean()
        weights = self.class_weights[self.pseudo.labels[rows]]
        return Losses(
            self.pseudo.union_losses(supervised, own_logits, rows, weights, self.p.labelled_weight),
            self.pseudo.member(rows),
        )


def class_weights(counts: Tensor) -> Tensor:
    """Return (N - n) / n for each class, scaled so that their mean over the N images is 1.

    Without these weights the first selection, which favours the classes that are easy, starves the others for good.

    Args:
        counts: (K,) n, the images of each class in a round; a class without an image has weight 0.

    Returns:
        (K,) float32.
    """
    counts = counts.float()
    total, present = counts.sum(), counts > 0
    weights = torch.where(present, (total - counts) / counts.clamp_min(1e-12), 0.0)
    mean = (weights * counts).sum() / total
    return weights / mean if mean > 0 else present.float()
