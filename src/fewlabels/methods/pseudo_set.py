"""A label and a certainty for every image, found anew between the rounds of a run.

Legend: N rows of the data set, M images of the pool, L labelled images, B unlabelled images of the batch, C classes.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Pool, Problem
from fewlabels.models.classifier import Classifier


class PseudoSet(nn.Module):
    """The images whose pseudo-label is trained on, and how sure each label is.

    Every process fills it from the whole pool alike, so nothing has to be exchanged. An image that has a label of
    its own is never in it: its own label is in the other stream.
    """

    labels: Tensor
    """(N,) int64; without meaning where the certainty is 0."""
    certainty: Tensor
    """(N,) float32 from 0 (not in the set) to 1; what it weighs is the method's affair."""
    selected: Tensor
    """() int64: images in the set."""
    streamed: Tensor
    """() int64 M: images that the unlabelled batches are drawn from; 0 before the first :meth:`replace`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.num_labelled = problem.num_labelled
        self.register_buffer("labels", torch.zeros(problem.num_images, dtype=torch.int64))
        self.register_buffer("certainty", torch.zeros(problem.num_images))
        self.register_buffer("selected", torch.zeros((), dtype=torch.int64))
        self.register_buffer("streamed", torch.zeros((), dtype=torch.int64))

    def replace(self, pool: Pool, rows: Tensor, labels: Tensor, certainty: Tensor) -> None:
        """Forget the set and make it these rows, labels and certainties (n,); certainty 0 leaves a row out."""
        self.certainty.zero_()
        self.add(pool, rows, labels, certainty)

    def add(self, pool: Pool, rows: Tensor, labels: Tensor, certainty: Tensor) -> None:
        """Take in rows, labels and certainties (n,); a row of certainty 0 stays as it was, others get the new label."""
        device = self.labels.device
        taken = certainty > 0
        rows, labels, certainty = (part[taken].to(device) for part in (rows, labels, certainty))
        self.labels[rows], self.certainty[rows] = labels, certainty.to(self.certainty.dtype)
        self.selected.fill_(int((self.certainty > 0).sum()))
        self.streamed.fill_(len(pool.rows))

    def member(self, rows: Tensor) -> Tensor:
        """(B,) bool: which of the rows (B,) are in the set."""
        return self.certainty[rows] > 0

    def union_losses(
        self, supervised: Tensor, logits: Tensor, rows: Tensor, weights: Tensor, labelled_weight: float = 1.0
    ) -> dict[str, Tensor]:
        """Both parts of the weighted mean cross-entropy over the union of the labelled images and the set.

        The two streams see the images at other rates than one stream over the union would, so each part gets the
        weight that makes up for it: w L / (w L + n) for the labelled mean, M / (w L + n) for the mean over the whole
        unlabelled batch, in which images outside the set count 0; n images are in the set. Where it is empty, the
        labelled part alone is left, with weight 1.

        Args:
            supervised: scalar, mean cross-entropy of the labelled images.
            logits: (B, C) of the unlabelled images.
            rows: (B,) their rows.
            weights: (B,) float, what each counts if it is in the set; 1 makes all images of the set equal.
            labelled_weight: w > 0, what a labelled image counts.
        """
        labelled = labelled_weight * self.num_labelled
        total = labelled + self.selected
        each = cross_entropy(logits, self.labels[rows], reduction="none") * weights * self.member(rows)
        return {
            "supervised": labelled / total * supervised,
            "unlabelled": self.streamed / total * each.mean(),
        }


def without_label(pool: Pool) -> Tensor:
    """(n,) int64 rows of the pool that have no label of their own; none may be left."""
    return pool.rows[~torch.isin(pool.rows, pool.labelled_rows)]


def predict(pool: Pool, model: Classifier, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The class that the model gives to these rows (n,), int64, and its probability, float32; both on the CPU."""
    confidence, labels = pool.probabilities(model, rows).max(1)
    return labels, confidence


def surest(confidence: Tensor, share: float) -> Tensor:
    """(n,) bool: is the confidence (n,) at least the percentile above which ``share`` of the images lie?

    Images that are as sure as the last one are all taken, as the percentile of the authors of CL does.
    """
    if not len(confidence):
        return torch.zeros(0, dtype=torch.bool)
    return confidence >= confidence.double().quantile(max(0.0, 1 - share))
