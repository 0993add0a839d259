"""Binary cross-entropy over the known marks, the baseline of the other methods of the task."""

from dataclasses import dataclass

from fewlabels.methods.marks import Normaliser, known_loss
from fewlabels.methods.method import Batch, Losses, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod


@dataclass(frozen=True)
class BCEParameters(Parameters):
    """The rows BN-BCE and S-BCE of Saliency Regularization's Table 2."""

    loss: Normaliser = parameter(
        "batch",
        "divisor of the loss: the known marks of the batch (BN-BCE), those of each image, or all marks (class: S-BCE) "
        "(docs/papers/saliency-regularization.md, R2)",
    )


class BCE(MultiLabelMethod):
    """Batch statistics are updated in the one pass."""

    title = "Binary cross-entropy"
    paper = "The baseline of all papers: training on the known marks alone."
    idea = (
        "The network is trained with binary cross-entropy on the known marks of weakly augmented images. Unknown marks "
        "are not used."
    )
    hyperparameters = BCEParameters
    p: BCEParameters

    def losses(self, batch: Batch) -> Losses:
        """Return the binary cross-entropy over the known marks."""
        logits = self.model(batch.labelled.views[0])
        return Losses({"supervised": known_loss(logits, batch.labelled.labels, self.p.loss)})
