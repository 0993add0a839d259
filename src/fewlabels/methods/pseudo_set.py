"""A pseudo-label and a certainty for every image, updated between the rounds of a run.

Legend: N rows of the data set, M images of the pool, L labelled images, B unlabelled images of the batch, C classes.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Pool, Problem
from fewlabels.models.classifier import Classifier


class PseudoSet(nn.Module):
    """The images whose pseudo-labels are trained on, with the certainty of each label.

    Every process fills the set from the whole pool in the same way, so nothing is exchanged. Images with a given label
    are never in the set, because they are in the labelled stream.
    """

    labels: Tensor
    """(N,) int64; undefined where the certainty is 0."""
    certainty: Tensor
    """(N,) float32 from 0 (not in the set) to 1; how it is used depends on the method."""
    selected: Tensor
    """() int64, number of images in the set."""
    streamed: Tensor
    """() int64, M: number of images that the unlabelled batches are drawn from; 0 before the first :meth:`replace`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.num_labelled = problem.num_labelled
        self.register_buffer("labels", torch.zeros(problem.num_images, dtype=torch.int64))
        self.register_buffer("certainty", torch.zeros(problem.num_images))
        self.register_buffer("selected", torch.zeros((), dtype=torch.int64))
        self.register_buffer("streamed", torch.zeros((), dtype=torch.int64))

    def replace(self, pool: Pool, rows: Tensor, labels: Tensor, certainty: Tensor) -> None:
        """Replace the set by these rows, labels and certainties (n,); rows of certainty 0 are left out."""
        self.certainty.zero_()
        self.add(pool, rows, labels, certainty)

    def add(self, pool: Pool, rows: Tensor, labels: Tensor, certainty: Tensor) -> None:
        """Add rows with their labels and certainties (n,); rows of certainty 0 keep their previous state."""
        device = self.labels.device
        taken = certainty > 0
        rows, labels, certainty = (part[taken].to(device) for part in (rows, labels, certainty))
        self.labels[rows], self.certainty[rows] = labels, certainty.to(self.certainty.dtype)
        self.selected.fill_(int((self.certainty > 0).sum()))
        self.streamed.fill_(len(pool.rows))

    def member(self, rows: Tensor) -> Tensor:
        """Return which of the rows (B,) are in the set, (B,) bool."""
        return self.certainty[rows] > 0

    def union_losses(
        self, supervised: Tensor, logits: Tensor, rows: Tensor, weights: Tensor, labelled_weight: float = 1.0
    ) -> dict[str, Tensor]:
        """Return both parts of the weighted mean cross-entropy over the union of the labelled images and the set.

        The two streams sample images at other rates than one stream over the union would, and the weights correct for
        this: w L / (w L + n) for the labelled mean, M / (w L + n) for the mean over the whole unlabelled batch, in
        which images outside the set count 0; n is the number of images in the set. If the set is empty, only the
        labelled part remains, with weight 1.

        Args:
            supervised: scalar, mean cross-entropy of the labelled images.
            logits: (B, C) of the unlabelled images.
            rows: (B,) int64 rows of the unlabelled images.
            weights: (B,) float weights of the unlabelled images, used for those in the set; 1 weighs all the same.
            labelled_weight: w > 0, weight of a labelled image.

        Returns:
            two scalars, ``supervised`` and ``unlabelled``.
        """
        labelled = labelled_weight * self.num_labelled
        total = labelled + self.selected
        each = cross_entropy(logits, self.labels[rows], reduction="none") * weights * self.member(rows)
        return {
            "supervised": labelled / total * supervised,
            "unlabelled": self.streamed / total * each.mean(),
        }


def unlabelled_rows(pool: Pool) -> Tensor:
    """Return the rows of the pool without a given label, (n,) int64; may be empty."""
    return pool.rows[~torch.isin(pool.rows, pool.labelled_rows)]


def predicted_labels(pool: Pool, model: Classifier, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the model's most likely class of these rows (n,), int64, and its probability, float32; both on the CPU."""
    confidence, labels = pool.probabilities(model, rows).max(1)
    return labels, confidence


def most_confident(confidence: Tensor, share: float) -> Tensor:
    """Return which images have a confidence (n,) in the upper ``share`` (from 0 to 1) of all, (n,) bool.

    Ties with the last one are all included, as by the percentile in the code of Curriculum Labeling.
    """
    if not len(confidence):
        return torch.zeros(0, dtype=torch.bool)
    return confidence >= confidence.double().quantile(max(0.0, 1 - share))
