"""Asymmetric loss: absences that are easy count little, those that are very easy count nothing."""

from dataclasses import dataclass

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import Reduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class AsymmetricParameters(Parameters):
    """Defaults of the authors' code (Alibaba-MIIL/ASL)."""

    gamma_present: float = parameter(0.0, "gamma+: focusing of presences", least=0)
    gamma_absent: float = parameter(4.0, "gamma-: focusing of absences, the unknown marks included", least=0)
    clip: float = parameter(0.05, "m: what is taken off the probability of absences", least=0, below=1)
    reduction: Reduction = parameter(
        "mean",
        "over the images of a batch (its code sums, which Adam does not mind: with SGD divide --lr by the batch)",
    )


class Asymmetric(MultiLabelMethod):
    """Unknown marks are taken for absences. Batch statistics move in the one pass."""

    title = "Asymmetric loss (ASL)"
    paper = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021."
    idea = (
        "Every mark that is not known to be present is taken for an absence, and absences that the model finds easy "
        "count little. Very easy ones, and with them very unlikely unknown marks, count nothing."
    )
    hyperparameters = AsymmetricParameters
    needs_absent = False
    p: AsymmetricParameters

    def losses(self, batch: Batch) -> Losses:
        """The sum over the classes of both focused cross-entropies."""
        logits, present = wide(self.model(batch.labelled.views[0])), batch.labelled.labels == 1
        each = focused_losses(logits, present, self.p.gamma_present, self.p.gamma_absent, self.p.clip)
        return Losses({"supervised": over_images(each, self.p.reduction)})
