"""What the page shows of a multi-label run, as data."""

from typing import Any

from torch import Tensor

from fewlabels.data.dataset import ABSENT, PRESENT, UNKNOWN
from fewlabels.evaluation.outcome import Outcome
from fewlabels.report.class_heat import class_mapped
from fewlabels.report.marking import BINS, Histogram, MarkCounts, Marking, Precision
from fewlabels.report.marks_gallery import MarksGallery
from fewlabels.report.summary import RunSummary
from fewlabels.tasks.task import about_method
from fewlabels.training.experiment import Experiment

MOST_PRESENT, MOST_ABSENT = 50, 6
"""Classes whose surest unknown marks are shown."""


def summarise_marks(
    experiment: Experiment, outcome: Outcome, name: str, config: dict[str, Any], metrics: dict[str, dict[str, Any]],
    history: list[dict[str, Any]],
) -> RunSummary:  # fmt: skip
    """Curves, figures and counts per class, and marks to look at."""
    dataset, gallery = experiment.dataset, MarksGallery(experiment, outcome.predictions)
    rows = gallery.trained
    given, likely = gallery.given[rows], gallery.likely[rows]
    counts = (given == PRESENT).sum(0)
    accepted = outcome.predictions.accepted[rows] & (given == UNKNOWN)
    figures = {part: {key: value for key, value in row.items() if key != "AP"} for part, row in metrics.items()}
    frequent = counts.argsort(descending=True, stable=True)[:MOST_ABSENT].tolist()
    judged_by, precisions = _precisions(experiment, metrics)
    marking = Marking(
        given=MarkCounts(*(int((given == mark).sum()) for mark in (PRESENT, ABSENT, UNKNOWN))),
        accepted_absent=int((accepted & ~likely).sum()), judged_by=judged_by, precisions=precisions,
        histograms=histograms(gallery.probabilities[rows], given, gallery.truth[rows]),
        maps=class_mapped(gallery, outcome.model),
        present=gallery.surest(range(len(dataset.classes))[:MOST_PRESENT], present=True),
        absent=gallery.surest(sorted(frequent), present=False),
    )  # fmt: skip
    return RunSummary(
        name=name, config=about_method(experiment) | config, metrics=figures, history=history,
        classes=list(dataset.classes), confusion=None,
        label_counts=dict(zip(dataset.classes, counts.tolist(), strict=True)),
        pseudo_counts=dict(zip(dataset.classes, (accepted & likely).sum(0).tolist(), strict=True)),
        doubted=gallery.doubted(), notes=list(experiment.notes), marking=marking,
    )  # fmt: skip


def histograms(probabilities: Tensor, given: Tensor, truth: Tensor) -> list[Histogram]:
    """Of what was given, of what was unknown and, where it is known, of what the unknown is; the empty are left out.

    Saliency Regularization, Fig. 5. All (n, K): probabilities from 0 to 1, and int8 marks.
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


def _precisions(experiment: Experiment, metrics: dict[str, dict[str, Any]]) -> tuple[str, list[Precision]]:
    """Those of the test images, else of the validation images."""
    split = experiment.split
    for name, images, rows in (("test", "test images", split.test), ("val", "validation images", split.val)):
        if averages := metrics.get(name, {}).get("AP"):
            labels = experiment.dataset.labels[rows]
            positives, known = (labels == PRESENT).sum(0).tolist(), (labels != UNKNOWN).sum(0).tolist()
            return images, [Precision(*one) for one in zip(averages, positives, known, strict=True)]
    return "", []
