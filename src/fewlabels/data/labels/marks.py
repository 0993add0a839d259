"""A mark per class, present, absent or unknown: the labels of the task ``multilabel``."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from fewlabels.data.dataset import TRAIN, UNKNOWN, Dataset
from fewlabels.data.labels.annotations import Annotations
from fewlabels.data.labels.faults import Note
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.mark_rules import marks_conflict, marks_difference, notes_on_marks
from fewlabels.data.labels.marks_cells import WIDE_COLUMNS
from fewlabels.data.labels.marks_csv import read_marks_csv


class ClassMarks(LabelKind[np.ndarray]):
    """A label is (K,) int8: PRESENT, ABSENT or UNKNOWN for each class. ``Dataset.labels`` is (N, K) int8."""

    title: ClassVar[str] = "several labels per image"

    @property
    def header(self) -> str:
        """The first line of the wide form."""
        return WIDE_COLUMNS

    def to_array(
        self, labels: Sequence[np.ndarray | None], classes: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the classes and the (N, K) int8 marks, all unknown for an image without a label."""
        names = classes or ()
        unknown = np.full(len(names), UNKNOWN, np.int8)
        return names, np.stack([unknown if label is None else label for label in labels])

    def is_labelled(self, labels: np.ndarray) -> np.ndarray:
        """Return which images have any known mark, (N,) bool."""
        return (labels != UNKNOWN).any(1)

    def read_csv(self, file: Path, files: Sequence[str]) -> Annotations[np.ndarray]:
        """Read a CSV with a column for each class, or a row for each mark, see :func:`read_marks_csv`."""
        return read_marks_csv(file, files)

    def difference(
        self, classes: Sequence[str], this: np.ndarray | None, other: np.ndarray | None
    ) -> tuple[str, str] | None:
        """Describe the first class that two rows mark differently."""
        return marks_difference(classes, this, other)

    def conflict(self, annotations: Annotations[np.ndarray], paths: Sequence[str]) -> tuple[str, str] | None:
        """Find a class that is present in one copy and absent in another; an unknown mark conflicts with neither."""
        return marks_conflict(annotations.classes or (), annotations.images, paths)

    def notes(self, dataset: Dataset) -> list[Note]:
        """Note images and classes with too few known marks."""
        return notes_on_marks(dataset)

    def details(self, dataset: Dataset) -> list[str]:
        """Return the share of known training marks."""
        train = dataset.labels[dataset.splits == TRAIN]
        return [f"{(train != UNKNOWN).mean():.1%} of the training labels known"]


MARKS = ClassMarks()
