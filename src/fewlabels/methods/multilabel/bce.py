"""Binary cross-entropy over the known marks: the bound that the other methods of the task are measured against."""

from dataclasses import dataclass

from fewlabels.methods.marks import Normaliser, known_loss
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class BCEParameters(Parameters):
    """The rows BN-BCE and S-BCE of Saliency Regularization's Table 2."""

    loss: Normaliser = parameter(
        "batch", "the loss is divided by the known marks of the batch (BN-BCE), of the image, or by all (class: S-BCE)"
    )


class BCE(MultiLabelMethod):
    """Batch statistics move in the one pass."""

    title = "Binary cross-entropy"
    paper = "The baseline of every paper here: the known marks, and nothing else."
    idea = "Binary cross-entropy on the marks that are known, weakly augmented. The unknown ones are not used."
    hyperparameters = BCEParameters
    p: BCEParameters

    def losses(self, batch: Batch) -> Losses:
        """The mean over the known marks."""
        logits = self.model(batch.labelled.views[0])
        return Losses({"supervised": known_loss(logits, batch.labelled.labels, self.p.loss)})
