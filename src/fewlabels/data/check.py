"""Everything that is wrong with some data, before any training."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN, UNKNOWN, UNLABELLED, VAL, Dataset
from fewlabels.data.known.official_lists import OfficialLists, survey_lists
from fewlabels.data.labels.faults import DataFaults, Fault, Note, one_line
from fewlabels.data.labels.folder import survey
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.read import find
from fewlabels.data.true_boxes import read_boxes
from fewlabels.options import TrainOptions


@dataclass(frozen=True)
class Report:
    """What ``fewlabels check`` says."""

    dataset: Dataset | None
    """What is left without the faulty images; None when nothing is."""
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]

    def lines(self) -> list[str]:
        """A line for each fault, each note, and a summary."""
        lines = [f"fault: {fault}" for fault in self.faults] + [f"note: {note}" for note in self.notes]
        if self.dataset is not None:
            lines.append(_summary(self.dataset))
        return [*lines, f"{len(self.faults) or 'no'} fault{'s' if len(self.faults) != 1 else ''}"]


def check(data: str, labels: Path | None, root: Path, progress: DecodeProgress | None = None) -> Report:
    """Look at every image and label. Arguments as in :func:`fewlabels.data.read.read`.

    Raises:
        UserError: there are no such data to check.
    """
    found = find(data, labels, root)
    if isinstance(found, Dataset):  # a known data set: its reader has refused whatever is wrong with it
        return Report(found, (), tuple(Note("", note) for note in found.notes))
    result = survey_lists(found, progress) if isinstance(found, OfficialLists) else survey(found, labels, progress)
    return Report(result.dataset, result.faults, result.notes)


def check_boxes(report: Report, options: TrainOptions) -> Report:
    """The report with what is wrong with the true boxes, or how many there are.

    Raises:
        UserError: the file that is to hold them can't be read.
    """
    if report.dataset is None:
        return report
    try:
        boxes = read_boxes(report.dataset, options)
    except DataFaults as found:
        return replace(report, faults=(*report.faults, *found.faults))
    if boxes is None:
        return report
    said = f"{len(boxes)} true boxes in {len(set(boxes.row.tolist()))} images, to judge by and not to train on"
    return replace(report, notes=(*report.notes, *(Note("", note) for note in (*boxes.notes, said))))


def _summary(dataset: Dataset) -> str:
    marks = dataset.labels.ndim == 2
    labelled = (dataset.labels != UNKNOWN).any(1) if marks else dataset.labels != UNLABELLED
    train = dataset.splits == TRAIN
    parts = [f"{np.sum(train & labelled)} labelled and {np.sum(train & ~labelled)} unlabelled for training"]
    for split, name in ((VAL, "validation"), (TEST, "test")):
        if count := np.sum(dataset.splits == split):
            parts.append(f"{count} for {name}")
    if marks:
        parts.append(f"{(dataset.labels[train] != UNKNOWN).mean():.1%} of the training labels known")
    classes = f"{len(dataset.classes)} classes ({', '.join(dataset.classes)})" if dataset.classes else "no classes"
    return one_line(f"{dataset.name}: {len(dataset)} images: {', '.join(parts)}; {classes}")
