"""The labels alone: the bound every other method is measured against."""

from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Batch, Losses, Method


class Supervised(Method):
    """Cross-entropy on the labelled images. Batch statistics move in the labelled pass."""

    title = "Supervised"
    paper = "The baseline of every paper here: the labelled images, and nothing else."
    idea = "Cross-entropy on weakly augmented labelled images. The unlabelled images are not used."

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy on the labelled view."""
        return Losses({"supervised": cross_entropy(self.model(batch.labelled.views[0]), batch.labelled.labels)})
