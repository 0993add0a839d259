"""The content of a report of task ``multilabel``."""

from typing import Any

from torch import Tensor

from fewlabels.data.dataset import ABSENT, PRESENT, UNKNOWN
from fewlabels.evaluation.outcome import Outcome
from fewlabels.report.content.multilabel import BINS, ClassPrecision, Histogram, MarkCounts, MultilabelContent
from fewlabels.report.pick.class_maps import class_mapped
from fewlabels.report.pick.marks import MarksGallery
from fewlabels.training.experiment import Experiment

MOST_PRESENT, MOST_ABSENT = 50, 6
"""Classes whose most confident unknown marks are shown."""


def multilabel_content(
    experiment: Experiment, outcome: Outcome, metrics: dict[str, dict[str, Any]]
) -> MultilabelContent:
    """Count marks, and pick marks to review."""
    gallery, classes = MarksGallery(experiment, outcome.predictions), experiment.dataset.classes
    rows = gallery.trained
    given, likely = gallery.given[rows], gallery.likely[rows]
    counts = (given == PRESENT).sum(0)
    accepted = outcome.predictions.accepted[rows] & (given == UNKNOWN)
    frequent = counts.argsort(descending=True, stable=True)[:MOST_ABSENT].tolist()
    judged_by, precisions = _precisions(experiment, metrics)
    return MultilabelContent(
        given=MarkCounts(*(int((given == mark).sum()) for mark in (PRESENT, ABSENT, UNKNOWN))),
        label_counts=dict(zip(classes, counts.tolist(), strict=True)),
        pseudo_counts=dict(zip(classes, (accepted & likely).sum(0).tolist(), strict=True)),
        accepted_absent=int((accepted & ~likely).sum()), judged_by=judged_by, precisions=precisions,
        histograms=histograms(gallery.probabilities[rows], given, gallery.truth[rows]),
        maps=class_mapped(gallery, outcome.model),
        present=gallery.most_confident(range(len(classes))[:MOST_PRESENT], present=True),
        absent=gallery.most_confident(sorted(frequent), present=False), doubted=gallery.doubted(),
    )  # fmt: skip


def histograms(probabilities: Tensor, given: Tensor, truth: Tensor) -> list[Histogram]:
    """Count the predicted probabilities of given and unknown marks (Saliency Regularization, Fig. 5).

    Args:
        probabilities: (n, K) from 0 to 1.
        given: (n, K) int8, the marks that training used.
        truth: (n, K) int8, the marks that the data set has.

    Returns:
        One histogram for each kind of marks; kinds without a mark are left out.
    """
    unknown = given == UNKNOWN
    parts = {
        "Marks given as present": given == PRESENT,
        "Marks given as absent": given == ABSENT,
        "Unknown marks": unknown,
        "Unknown marks that are present": unknown & (truth == PRESENT),
        "Unknown marks that are absent": unknown & (truth == ABSENT),
    }
    bins = (probabilities * BINS).long().clamp(0, BINS - 1)
    return [
        Histogram(name, bins[chosen].bincount(minlength=BINS).tolist())
        for name, chosen in parts.items()
        if bool(chosen.any())
    ]


def _precisions(experiment: Experiment, metrics: dict[str, dict[str, Any]]) -> tuple[str, list[ClassPrecision]]:
    """Return the average precisions on the test images, else on the validation images."""
    split = experiment.split
    for name, images, rows in (("test", "test images", split.test), ("val", "validation images", split.val)):
        if averages := metrics.get(name, {}).get("AP"):
            labels = experiment.dataset.labels[rows]
            positives, known = (labels == PRESENT).sum(0).tolist(), (labels != UNKNOWN).sum(0).tolist()
            return images, [ClassPrecision(*one) for one in zip(averages, positives, known, strict=True)]
    return "", []
