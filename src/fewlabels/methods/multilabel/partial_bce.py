"""Partial-BCE: the fewer marks of an image are known, the more each counts; in rounds, sure ones are added."""

from dataclasses import dataclass
from math import exp

import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.marks import mark_losses, pseudo_marks, sure, wide
from fewlabels.methods.method import Batch, Losses, Parameters, Pool, Problem, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class PartialBCEParameters(Parameters):
    """Defaults of the paper's loss; its graph network is left out."""

    slope: float = parameter(-4.45, "alpha of g(p) = alpha p^gamma + beta, p the known share of an image's marks")
    offset: float = parameter(5.45, "beta of g", least=0)
    exponent: float = parameter(1.0, "gamma of g", least=0)
    rounds: int = parameter(
        1, "more than 1: the curriculum; the unknown marks that are sure join after each round but the last", least=1
    )
    sure: float = parameter(2.0, "theta: a mark joins where the logit is beyond it, by its sign", least=0)

    def validate(self, num_classes: int) -> None:
        """No image may count less than nothing."""
        if self.slope + self.offset < 0:
            raise UserError(
                f"--method.slope {self.slope} makes the weight of images whose marks are all known negative; "
                f"give a value from {-self.offset} or a larger --method.offset"
            )


def known_share_weights(marks: Tensor, slope: float, offset: float, exponent: float) -> Tensor:
    """(B,) float32 g(p) of marks (B, K): at most 5.45, and 1 where all are known, with the paper's values."""
    return slope * (marks != 0).float().mean(1) ** exponent + offset


def partial_bce(
    logits: Tensor, marks: Tensor, slope: float = -4.45, offset: float = 5.45, exponent: float = 1
) -> Tensor:
    """g(p) / K * the binary cross-entropies of the known marks, averaged over the images (METHODS S-3)."""
    weights = known_share_weights(marks, slope, offset, exponent).to(logits.dtype)
    return (weights * mark_losses(logits, marks).mean(1)).mean()


class PartialBCE(MultiLabelMethod):
    """Batch statistics move in the one pass.

    In the curriculum the learning rate begins anew with each round and the weights go on (ours: rounds of the
    authors' code could not be read); marks are found by the weight average, anew each time, and count as known.
    """

    title = "Partial-BCE (PLCL)"
    paper = "Durand et al., Learning a Deep ConvNet for Multi-label Classification with Partial Labels, CVPR 2019."
    idea = (
        "Binary cross-entropy on the known marks, with a weight that makes up for the unknown ones of the image. In "
        "its curriculum form the model fills in the unknown marks that it is sure of, and is trained on these too."
    )
    hyperparameters = PartialBCEParameters
    reset_each_round = "schedule"
    p: PartialBCEParameters
    found: Tensor
    """(N, K) int8 marks that were filled in, by row of the data set; empty where there is one round."""

    def __init__(self, model: Classifier, parameters: PartialBCEParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        rows = problem.num_images if parameters.rounds > 1 else 0
        self.register_buffer("found", torch.zeros(rows, problem.num_classes, dtype=torch.int8))

    @property
    def rounds(self) -> int:
        """As asked."""
        return self.p.rounds

    def start_round(self, number: int, pool: Pool) -> None:
        """Fill in what is unknown and sure."""
        if not number:
            return
        p = pool.probabilities(pool.averaged, pool.labelled_rows)
        found = pseudo_marks(p.logit(), pool.labels.to(p.device), self.threshold)
        self.found.zero_()
        self.found[pool.labelled_rows.to(self.found.device)] = found.to(self.found.device)

    @property
    def threshold(self) -> float:
        """The probability whose logit is theta."""
        return 1 / (1 + exp(-self.p.sure))

    def losses(self, batch: Batch) -> Losses:
        """The loss over the marks that are given or were filled in."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        kept = None
        if len(self.found):
            found = self.found[batch.labelled.rows]
            marks, kept = marks + found, found != 0
        return Losses({"supervised": partial_bce(logits, marks, self.p.slope, self.p.offset, self.p.exponent)}, kept)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Trusted where the curriculum would fill it in."""
        return sure(probabilities, self.threshold)
