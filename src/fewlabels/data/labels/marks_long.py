"""A CSV of marks with a row for each mark."""

from collections import Counter
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import SPLITS, TRAIN, UNKNOWN
from fewlabels.data.labels.annotations import Annotation, Annotations
from fewlabels.data.labels.csv_rows import BadRow, CsvRow, ImageIndex, split_of, values_of
from fewlabels.data.labels.exported import ExportedLabels
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.marks_cells import CELL_MARKS, CELL_REMEDY, LONG_COLUMNS, MARK_NAMES
from fewlabels.data.labels.names import misspelt, sorted_classes

_USED = frozenset((*LONG_COLUMNS, "split"))


class _Stated(NamedTuple):
    """A mark or a split, and the first row that states it."""

    value: int
    where: str


class _LongRows:
    """What the rows read so far state."""

    def __init__(self) -> None:
        self.first: dict[str, str] = {}
        """The first row of each image."""
        self.splits: dict[str, _Stated] = {}
        self.marks: dict[tuple[str, str], _Stated] = {}
        """By path and class."""


def read_long(
    rows: list[CsvRow],
    names: list[str],
    index: ImageIndex,
    found: Annotations[np.ndarray],
    exported: ExportedLabels,
) -> None:
    """Add the marks, splits and sorted classes of the rows to ``found``, and count them in ``exported``."""
    stated = _LongRows()
    for row in rows:
        try:
            cells = values_of(row, names, _USED)
            path = index.find(cells["path"])
            split = split_of(cells, path)
            mark = _mark(cells, path)
        except BadRow as bad:
            found.faults.append(Fault(row.where, *bad.args))
            continue
        stated.first.setdefault(path, row.where)
        if split is not None:
            _add_split(stated, path, _Stated(split, row.where), found)
        if cells["label"]:
            exported.count(cells, mark != UNKNOWN)
            _add_mark(stated, path, cells["label"], _Stated(mark, row.where), found)
    _drop_misspelt(stated, found)
    _fill(stated, found)


def _mark(cells: dict[str, str], path: str) -> int:
    label, present = cells["label"], cells["present"]
    if present not in CELL_MARKS:
        raise BadRow(f"class '{label}' of '{path}' is '{present}'", CELL_REMEDY, (path,))
    if present and not label:
        raise BadRow(f"no label of '{path}'", "name the class, or leave 'present' empty", (path,))
    return CELL_MARKS[present]


def _add_split(stated: _LongRows, path: str, split: _Stated, found: Annotations[np.ndarray]) -> None:
    before = stated.splits.setdefault(path, split)
    if before.value != split.value:
        found.contradict(split.where, path, SPLITS[split.value], SPLITS[before.value], before.where)


def _add_mark(stated: _LongRows, path: str, label: str, mark: _Stated, found: Annotations[np.ndarray]) -> None:
    before = stated.marks.setdefault((path, label), mark)
    if before.value != mark.value:
        this = f"class '{label}' {MARK_NAMES[mark.value]}"
        found.contradict(mark.where, path, this, MARK_NAMES[before.value], before.where)
    elif before.where != mark.where:
        found.note_repeat(mark.where, path, before.where)


def _drop_misspelt(stated: _LongRows, found: Annotations[np.ndarray]) -> None:
    """Make a fault of every class name that differs from a more frequent one only in case or spaces."""
    counts = Counter(label for _, label in stated.marks)
    for label, most in misspelt(counts).items():
        paths = tuple(path for path, name in stated.marks if name == label)
        what = f"label '{label}' ({counts[label]}x) differs from '{most}' ({counts[most]}x) only in case or spaces"
        where = stated.marks[paths[0], label].where
        found.faults.append(Fault(where, what, "write both the same way", leave_out=paths))
        for path in paths:
            del stated.marks[path, label]


def _fill(stated: _LongRows, found: Annotations[np.ndarray]) -> None:
    found.classes = sorted_classes(label for _, label in stated.marks)
    marks = {path: np.full(len(found.classes), UNKNOWN, np.int8) for path in stated.first}
    column = {label: k for k, label in enumerate(found.classes)}
    for (path, label), mark in stated.marks.items():
        marks[path][column[label]] = mark.value
    for path, where in stated.first.items():
        split = stated.splits.get(path, _Stated(TRAIN, ""))
        found.images[path] = Annotation(marks[path], split.value, where)
