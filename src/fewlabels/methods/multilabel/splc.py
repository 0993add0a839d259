"""SPLC: unknown marks are treated as absent until the model predicts the class."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import ImageReduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class SPLCParameters(Parameters):
    """Defaults of the authors' code (xinyu1205/robust-loss-mlml)."""

    tau: float = parameter(0.6, "tau: probability above which an unknown class becomes present", least=0, below=1)
    margin: float = parameter(1.0, "m: subtracted from the logits of given presences", least=0)
    gamma: float = parameter(2.0, "gamma: focusing of marks, present and absent", least=0)
    start: float = parameter(
        0.03, "share of the run before the correction starts (the code: the first epoch)", least=0, most=1
    )
    reduction: ImageReduction = parameter(
        "mean",
        "over the images of a batch (the code sums, for Adam; to do so with SGD, divide --lr by the batch size)",
    )


def corrected_losses(
    logits: Tensor, marks: Tensor, tau: float, margin: float, gamma: float, correct: bool = True
) -> tuple[Tensor, Tensor]:
    """Return the focal margin loss of each mark, (B, K), and which unknown marks became present, (B, K) bool.

    The order is that of the authors' code: the margin is subtracted from the logits of *given* presences first, so
    corrected marks have no margin. Known absences are never corrected.

    Args:
        logits: (B, K), at least float32.
        marks: (B, K), 1 present, -1 absent, 0 unknown.
        tau: unknown marks become present if sigmoid(logit) > tau.
        margin: margin of given presences, 0 or more.
        gamma: exponent of the focal weight, which is computed from the logits with margin.
        correct: whether unknown marks are corrected.
    """
    given = marks == 1
    logits = logits - margin * given.to(logits.dtype)
    found = (marks == 0) & (logits.detach().sigmoid() > tau)
    if not correct:
        found = torch.zeros_like(found)
    return focused_losses(logits, given | found, gamma, gamma), found


class SPLC(MultiLabelMethod):
    """Unknown marks are treated as absent. Batch statistics are updated in the one pass."""

    title = "SPLC"
    paper = (
        "Zhang et al., Simple and Robust Loss Design for Multi-Label Learning with Missing Labels, arXiv 2112.07368, "
        "2021."
    )
    idea = (
        "Every unknown mark is treated as absent, unless the model predicts the class with a high probability; then "
        "the loss treats it as present. Given presences must be predicted with a margin."
    )
    hyperparameters = SPLCParameters
    needs_absent = False
    p: SPLCParameters

    def losses(self, batch: Batch) -> Losses:
        """Return the focal margin loss over the corrected marks."""
        logits, correct = wide(self.model(batch.labelled.views[0])), batch.progress >= self.p.start
        each, found = corrected_losses(
            logits, batch.labelled.labels, self.p.tau, self.p.margin, self.p.gamma, correct
        )  # fmt: skip
        return Losses({"supervised": over_images(each, self.p.reduction)}, found)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept presences with a probability above tau, (N, K) bool; absences are never accepted."""
        return probabilities > self.p.tau
