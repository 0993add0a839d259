"""List everything that is wrong with some data, before any training."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN, VAL, Dataset
from fewlabels.data.labels.faults import DataFaults, Fault, Note, one_line
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.read import survey
from fewlabels.data.true_boxes import read_boxes
from fewlabels.options import TrainOptions


@dataclass(frozen=True)
class Report:
    """What ``fewlabels check`` prints."""

    kind: LabelKind[Any]
    dataset: Dataset | None
    """What is left without the faulty images; None when nothing is."""
    faults: tuple[Fault, ...] = ()
    notes: tuple[Note, ...] = ()

    def lines(self) -> list[str]:
        """Return a line for each fault, a line for each note, and a summary."""
        lines = [f"fault: {fault}" for fault in self.faults] + [f"note: {note}" for note in self.notes]
        if self.dataset is not None:
            lines.append(_summary(self.kind, self.dataset))
        return [*lines, f"{len(self.faults) or 'no'} fault{'s' if len(self.faults) != 1 else ''}"]


def check(
    kind: LabelKind[Any],
    data: str,
    labels: Path | None = None,
    root: Path = Path(),
    progress: DecodeProgress | None = None,
) -> Report:
    """Look at every image and label. Arguments as in :func:`fewlabels.data.read.read`.

    Raises:
        UserError: there are no such data to check.
    """
    found = survey(kind, data, labels, root, progress)
    return Report(kind, found.dataset, found.faults, found.notes)


def check_boxes(report: Report, options: TrainOptions) -> Report:
    """Add what is wrong with the true boxes, or their number, to a report.

    Raises:
        UserError: the file of the boxes can't be read.
    """
    if report.dataset is None:
        return report
    try:
        boxes = read_boxes(report.dataset, options)
    except DataFaults as found:
        return replace(report, faults=(*report.faults, *found.faults))
    if boxes is None:
        return report
    images = len(set(boxes.row.tolist()))
    count = f"{len(boxes)} true boxes in {images} images, used for evaluation and not for training"
    return replace(report, notes=(*report.notes, *(Note("", note) for note in (*boxes.notes, count))))


def _summary(kind: LabelKind[Any], dataset: Dataset) -> str:
    labelled = kind.is_labelled(dataset.labels)
    train = dataset.splits == TRAIN
    parts = [f"{np.sum(train & labelled)} labelled and {np.sum(train & ~labelled)} unlabelled for training"]
    for split, name in ((VAL, "validation"), (TEST, "test")):
        if count := np.sum(dataset.splits == split):
            parts.append(f"{count} for {name}")
    parts += kind.details(dataset)
    classes = f"{len(dataset.classes)} classes ({', '.join(dataset.classes)})" if dataset.classes else "no classes"
    return one_line(f"{dataset.name}: {len(dataset)} images: {', '.join(parts)}; {classes}")
