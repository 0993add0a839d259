"""A CSV of marks with a column for each class."""

from collections import Counter
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import TRAIN
from fewlabels.data.labels.annotations import Annotation, Annotations
from fewlabels.data.labels.csv_rows import RESERVED, BadRow, CsvRow, ImageIndex, fatal, not_used, split_of, values_of
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.mark_rules import marks_difference
from fewlabels.data.labels.marks_cells import CELL_MARKS, CELL_REMEDY, LONG_HEADER, WIDE_COLUMNS
from fewlabels.data.labels.names import misspelt

_MEANT_AS_MARK = frozenset(["yes", "no", "y", "n", "true", "false", "present", "absent", "x", "+", "-"])


def class_faults(header: CsvRow, names: list[str]) -> list[Fault]:
    """Find what is wrong with the names of the classes."""
    counts = Counter(name for name in names if name and name not in RESERVED)
    remedy = "delete or rename one of them"
    faults = [fatal(header.where, f"column '{name}' is there twice", remedy) for name in counts if counts[name] > 1]
    for other, most in misspelt(counts).items():
        faults.append(fatal(header.where, f"columns '{most}' and '{other}' differ only in case or spaces", remedy))
    if not counts:
        remedy = f"the first line must name the columns {WIDE_COLUMNS}, or {LONG_HEADER}"
        faults.append(fatal(header.where, "names no class", remedy))
    return faults


class _Line(NamedTuple):
    """One row, as written."""

    where: str
    path: str
    cells: list[str]
    """One for each column that may be a class."""
    split: int


def read_wide(
    file: Path, rows: list[CsvRow], names: list[str], index: ImageIndex, found: Annotations[np.ndarray]
) -> None:
    """Add the marks and splits of the rows to ``found``, and the classes in the order of the columns."""
    columns = [column for column, name in enumerate(names) if name and name not in RESERVED]
    lines: list[_Line] = []
    for row in rows:
        try:
            values = values_of(row, names, frozenset(("path", "split")))
            path = index.find(values["path"])
            split = split_of(values, path)
        except BadRow as bad:
            found.faults.append(Fault(row.where, *bad.args))
            continue
        cells = row.cells + [""] * (len(names) - len(row.cells))
        lines.append(_Line(row.where, path, [cells[k] for k in columns], TRAIN if split is None else split))
    kept = [k for k in range(len(columns)) if _is_class({line.cells[k] for line in lines})]
    unused = [names[columns[k]] for k in range(len(columns)) if k not in set(kept)]
    found.notes += not_used(file, unused)
    found.classes = tuple(names[columns[k]] for k in kept)
    if not kept:
        shown = ", ".join(repr(name) for name in unused)
        found.faults.append(fatal(file.name, f"no cell under {shown} is a mark of a class", CELL_REMEDY))
    for line in lines:
        _add_line(line, kept, found)


def _is_class(cells: set[str]) -> bool:
    """Return whether the cells of a column are marks.

    A column of other things, such as captions, is no class; one with "yes" in it is a class whose cells are faulty.
    """
    bad = cells.difference(CELL_MARKS)
    some = any(cell in CELL_MARKS for cell in cells if cell)
    return not bad or some or any(cell.lower() in _MEANT_AS_MARK for cell in bad)


def _add_line(line: _Line, kept: list[int], found: Annotations[np.ndarray]) -> None:
    cells, classes = [line.cells[k] for k in kept], found.classes or ()
    wrong = next((k for k, cell in enumerate(cells) if cell not in CELL_MARKS), None)
    if wrong is not None:
        what, remedy = f"class '{classes[wrong]}' of '{line.path}' is '{cells[wrong]}'", CELL_REMEDY
        if "\n" in cells[wrong] or "\r" in cells[wrong]:
            what, remedy = 'a quote (") is opened and not closed', "close or delete it"
        found.faults.append(Fault(line.where, what, remedy, leave_out=(line.path,)))
        return
    marks = np.array([CELL_MARKS[cell] for cell in cells], np.int8)
    found.add(line.path, Annotation(marks, line.split, line.where), partial(marks_difference, classes))
