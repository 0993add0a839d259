"""A CSV of marks with a row for each mark."""

from collections import Counter

import numpy as np

from fewlabels.data.dataset import SPLITS, TRAIN, UNKNOWN
from fewlabels.data.labels.csv_rows import BadRow, CsvRow, ImageIndex, split_of, values_of
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.folder import sorted_classes
from fewlabels.data.labels.marks import Marked, Marks
from fewlabels.data.labels.marks_cells import MARKS, MEND, WORDS, contradicts, repeats
from fewlabels.data.labels.rules import misspelt

LONG_COLUMNS = ("path", "label", "present")


def read_long(rows: list[CsvRow], names: list[str], index: ImageIndex, marks: Marks) -> None:
    """Add what the rows say, and the classes in their order."""
    told: dict[tuple[str, str], tuple[int, str]] = {}
    splits: dict[str, tuple[int, str]] = {}
    first: dict[str, str] = {}
    used = frozenset((*LONG_COLUMNS, "split"))
    for row in rows:
        try:
            values = values_of(row, names, used)
            path = index.find(values["path"])
            split = split_of(values, path)
            label, mark = values.get("label", ""), _mark(path, values)
        except BadRow as bad:
            marks.faults.append(Fault(row.where, *bad.args))
            continue
        first.setdefault(path, row.where)
        if split is not None:
            before, there = splits.setdefault(path, (split, row.where))
            if before != split:
                contradicts(row.where, path, SPLITS[split], SPLITS[before], there, marks)
        if not label:
            continue
        before, there = told.setdefault((path, label), (mark, row.where))
        if before != mark:
            contradicts(row.where, path, f"class '{label}' {WORDS[mark]}", WORDS[before], there, marks)
        elif there != row.where:
            repeats(row.where, path, there, marks)
    _misspelt_labels(told, marks)
    _assemble(told, splits, first, marks)


def _mark(path: str, values: dict[str, str]) -> int:
    label, present = values.get("label", ""), values.get("present", "")
    if present not in MARKS:
        raise BadRow(f"class '{label}' of '{path}' is '{present}'", MEND, (path,))
    if present and not label:
        raise BadRow(f"no label of '{path}'", "name the class, or leave 'present' empty", (path,))
    return MARKS[present]


def _misspelt_labels(told: dict[tuple[str, str], tuple[int, str]], marks: Marks) -> None:
    counts = Counter(label for _, label in told)
    for label, most in misspelt(counts).items():
        where = next(where for (_, name), (_, where) in told.items() if name == label)
        what = f"label '{label}' ({counts[label]}x) differs from '{most}' ({counts[most]}x) only in form"
        paths = tuple(path for path, name in told if name == label)
        marks.faults.append(Fault(where, what, "write both the same way", leave_out=paths))
        for path in paths:
            del told[path, label]


def _assemble(
    told: dict[tuple[str, str], tuple[int, str]],
    splits: dict[str, tuple[int, str]],
    first: dict[str, str],
    marks: Marks,
) -> None:
    marks.classes = sorted_classes({label for _, label in told})
    column = {label: k for k, label in enumerate(marks.classes)}
    for path, where in first.items():
        blank = np.full(len(column), UNKNOWN, np.int8)
        marks.given[path] = Marked(blank, splits.get(path, (TRAIN, ""))[0], where)
    for (path, label), (mark, _) in told.items():
        marks.given[path].marks[column[label]] = mark
