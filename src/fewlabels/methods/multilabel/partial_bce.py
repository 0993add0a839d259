"""Partial-BCE: the fewer marks of an image are known, the more each weighs; a curriculum adds confident marks."""

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
        1, "more than 1: the curriculum, which adds confident marks after each round but the last", least=1
    )
    sure: float = parameter(
        2.0, "theta: an unknown mark is added if the absolute value of its logit is at least this", least=0
    )

    def validate(self, num_classes: int) -> None:
        """Check that no image has a negative weight."""
        if self.slope + self.offset < 0:
            raise UserError(
                f"--method.slope {self.slope} makes the weight of images whose marks are all known negative; "
                f"give a value from {-self.offset} or a larger --method.offset"
            )


def known_share_weights(marks: Tensor, slope: float, offset: float, exponent: float) -> Tensor:
    """Return the weight g(p) = slope * p^exponent + offset of each image, (B,) float32.

    p is the known share of its marks (B, K). With the paper's values g is at most 5.45, and 1 if all marks are known.
    """
    return slope * (marks != 0).float().mean(1) ** exponent + offset


def partial_bce(
    logits: Tensor, marks: Tensor, slope: float = -4.45, offset: float = 5.45, exponent: float = 1
) -> Tensor:
    """Return g(p) / K * the summed binary cross-entropy of the known marks, averaged over the images.

    See docs/papers/saliency-regularization.md, S-3.

    Args:
        logits: (B, K), at least float32.
        marks: (B, K), 1 present, -1 absent, 0 unknown.
        slope: alpha of g(p) = alpha p^gamma + beta, with p the known share of an image's marks.
        offset: beta of g.
        exponent: gamma of g.

    Returns:
        a scalar.
    """
    weights = known_share_weights(marks, slope, offset, exponent).to(logits.dtype)
    return (weights * mark_losses(logits, marks).mean(1)).mean()


class PartialBCE(MultiLabelMethod):
    """Batch statistics are updated in the one pass.

    In the curriculum each round restarts the learning rate and keeps the weights; this is our choice, since there is no
    public code of the authors. Marks are predicted by the weight average, newly in each round, and count as known.
    """

    title = "Partial-BCE (PLCL)"
    paper = "Durand et al., Learning a Deep ConvNet for Multi-label Classification with Partial Labels, CVPR 2019."
    idea = (
        "The binary cross-entropy on the known marks of an image is weighted to compensate for its unknown ones. In "
        "the curriculum form the model also fills in the unknown marks that it predicts confidently, and is trained on "
        "them."
    )
    hyperparameters = PartialBCEParameters
    reset_each_round = "schedule"
    p: PartialBCEParameters
    found: Tensor
    """(N, K) int8 marks that were filled in, by row of the data set; without rows if there is one round."""

    def __init__(self, model: Classifier, parameters: PartialBCEParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        rows = problem.num_images if parameters.rounds > 1 else 0
        self.register_buffer("found", torch.zeros(rows, problem.num_classes, dtype=torch.int8))

    @property
    def rounds(self) -> int:
        """The parameter of that name."""
        return self.p.rounds

    def start_round(self, number: int, pool: Pool) -> None:
        """Fill in the unknown marks that are predicted confidently."""
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
        """Return the loss over the marks that are given or were filled in."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        kept = None
        if len(self.found):
            found = self.found[batch.labelled.rows]
            marks, kept = marks + found, found != 0
        return Losses({"supervised": partial_bce(logits, marks, self.p.slope, self.p.offset, self.p.exponent)}, kept)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept the marks that the curriculum would fill in, (N, K) bool."""
        return sure(probabilities, self.threshold)
