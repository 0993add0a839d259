"""Focal loss: marks that the model gets right already count less."""

from dataclasses import dataclass

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import Normaliser, average, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class FocalParameters(Parameters):
    """gamma is the paper's best; its weight of the present class is left out, as Saliency Regularization does."""

    gamma: float = parameter(2.0, "gamma: the larger, the less easy marks count; 0 is bce (Eq. 4)", least=0)
    loss: Normaliser = parameter(
        "batch", "the loss is divided by the known marks of the batch, of the image, or by all marks (class)"
    )


class Focal(MultiLabelMethod):
    """Batch statistics move in the one pass."""

    title = "Focal loss"
    paper = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017."
    idea = (
        "Binary cross-entropy on the known marks, each weighted by how wrong the model is about it, so that the many "
        "easy absences do not drown the few presences. The unknown marks are not used."
    )
    hyperparameters = FocalParameters
    p: FocalParameters

    def losses(self, batch: Batch) -> Losses:
        """(1 - p_t)^gamma * -log p_t, averaged over the known marks."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        known = marks != 0
        each = focused_losses(logits, marks == 1, self.p.gamma, self.p.gamma) * known
        return Losses({"supervised": average(each, known, self.p.loss)})
