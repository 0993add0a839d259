"""Asymmetric loss: easy absences weigh little, very easy ones nothing."""

from dataclasses import dataclass

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import ImageReduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class AsymmetricParameters(Parameters):
    """Defaults of the authors' code (Alibaba-MIIL/ASL)."""

    gamma_present: float = parameter(0.0, "gamma+: focusing of presences", least=0)
    gamma_absent: float = parameter(4.0, "gamma-: focusing of absences, including unknown marks", least=0)
    clip: float = parameter(0.05, "m: subtracted from the probability of absences", least=0, below=1)
    reduction: ImageReduction = parameter(
        "mean",
        "over the images of a batch (the code sums, for Adam; to do so with SGD, divide --lr by the batch size)",
    )


class Asymmetric(MultiLabelMethod):
    """Unknown marks are treated as absent. Batch statistics are updated in the one pass."""

    title = "Asymmetric loss (ASL)"
    paper = "Ridnik et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021."
    idea = (
        "Every mark that is not known to be present is treated as absent, and absences that the model finds easy weigh "
        "little. Very easy ones, including unknown marks of very unlikely classes, are ignored."
    )
    hyperparameters = AsymmetricParameters
    needs_absent = False
    p: AsymmetricParameters

    def losses(self, batch: Batch) -> Losses:
        """Return the focused binary cross-entropies, summed over the classes."""
        logits, present = wide(self.model(batch.labelled.views[0])), batch.labelled.labels == 1
        each = focused_losses(logits, present, self.p.gamma_present, self.p.gamma_absent, self.p.clip)
        return Losses({"supervised": over_images(each, self.p.reduction)})
