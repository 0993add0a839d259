"""SPLC: unknown marks are absences until the model finds the class."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import Reduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class SPLCParameters(Parameters):
    """Defaults of the authors' code (xinyu1205/robust-loss-mlml)."""

    tau: float = parameter(0.6, "tau: an unknown class is present from a probability above it", least=0, below=1)
    margin: float = parameter(1.0, "m: what is taken off the logits of given presences", least=0)
    gamma: float = parameter(2.0, "gamma: focusing of easy marks, present and absent", least=0)
    start: float = parameter(
        0.03, "share of the run from which presences are found (its code: after the first epoch)", least=0, most=1
    )
    reduction: Reduction = parameter(
        "mean",
        "over the images of a batch (its code sums, which Adam does not mind: with SGD divide --lr by the batch)",
    )


def corrected_losses(
    logits: Tensor, marks: Tensor, tau: float, margin: float, gamma: float, correct: bool = True
) -> tuple[Tensor, Tensor]:
    """The focal margin loss of each mark, (B, K), and which unknown marks were found present, (B, K) bool.

    The order is that of the authors' code: the margin comes off the logits of *given* presences first; what is found
    then has none. A known absence is not missing and stays one.

    Args:
        logits: (B, K), at least float32.
        marks: (B, K).
        tau: unknown marks are present where sigmoid(logit) > tau.
        margin: of given presences.
        gamma: of the focal weight, which is computed from the logits with margin.
        correct: false in the beginning, when nothing is found yet.
    """
    given = marks == 1
    logits = logits - margin * given.to(logits.dtype)
    found = (marks == 0) & (logits.detach().sigmoid() > tau)
    if not correct:
        found = torch.zeros_like(found)
    return focused_losses(logits, given | found, gamma, gamma), found


class SPLC(MultiLabelMethod):
    """Unknown marks are taken for absences. Batch statistics move in the one pass."""

    title = "SPLC"
    paper = (
        "Zhang et al., Simple and Robust Loss Design for Multi-Label Learning with Missing Labels, arXiv 2112.07368, "
        "2021."
    )
    idea = (
        "Every unknown mark is taken for an absence, unless the model finds the class present: then it is corrected at "
        "once, within the loss. Presences that are given must be found by a margin."
    )
    hyperparameters = SPLCParameters
    needs_absent = False
    p: SPLCParameters

    def losses(self, batch: Batch) -> Losses:
        """The focal margin loss over the corrected marks."""
        logits, correct = wide(self.model(batch.labelled.views[0])), batch.progress >= self.p.start
        each, found = corrected_losses(
            logits, batch.labelled.labels, self.p.tau, self.p.margin, self.p.gamma, correct
        )  # fmt: skip
        return Losses({"supervised": over_images(each, self.p.reduction)}, found)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Presences are trusted above tau; it finds no absences."""
        return probabilities > self.p.tau
