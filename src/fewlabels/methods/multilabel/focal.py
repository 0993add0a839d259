"""Focal loss: marks that the model already predicts well weigh less."""

from dataclasses import dataclass

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.marks import Normaliser, average, wide
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class FocalParameters(Parameters):
    """gamma is the paper's best value; the weight of the present class is left out, as in Saliency Regularization."""

    gamma: float = parameter(2.0, "gamma: the larger, the less easy marks weigh; 0 is bce (Eq. 4)", least=0)
    loss: Normaliser = parameter(
        "batch",
        "divisor of the loss: the known marks of the batch, those of each image, or all marks (class) "
        "(docs/papers/saliency-regularization.md, R2)",
    )


class Focal(MultiLabelMethod):
    """Batch statistics are updated in the one pass."""

    title = "Focal loss"
    paper = "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017."
    idea = (
        "The network is trained with binary cross-entropy on the known marks, each weighted by the error of its "
        "prediction, so that the many easy absences do not outweigh the few presences. Unknown marks are not used."
    )
    hyperparameters = FocalParameters
    p: FocalParameters

    def losses(self, batch: Batch) -> Losses:
        """Return (1 - p_t)^gamma * -log p_t, averaged over the known marks (Eq. 4)."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        known = marks != 0
        each = focused_losses(logits, marks == 1, self.p.gamma, self.p.gamma) * known
        return Losses({"supervised": average(each, known, self.p.loss)})
