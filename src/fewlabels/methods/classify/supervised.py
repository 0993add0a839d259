"""Supervised training on the labelled images alone, the baseline of all other methods."""

from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Batch, Losses, Method


class Supervised(Method):
    """Cross-entropy on the labelled images. Batch statistics are updated in the labelled pass."""

    title = "Supervised"
    paper = "The baseline of all papers: training on the labelled images alone."
    idea = (
        "The network is trained with cross-entropy on weakly augmented labelled images. Unlabelled images are not used."
    )

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropy on the labelled view."""
        return Losses({"supervised": cross_entropy(self.model(batch.labelled.views[0]), batch.labelled.labels)})
