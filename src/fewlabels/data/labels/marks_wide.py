"""A CSV of marks with a column for each class."""

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import SPLITS, TRAIN
from fewlabels.data.labels.csv_rows import RESERVED, BadRow, CsvRow, ImageIndex, fatal, split_of, values_of
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.marks import Marked, Marks
from fewlabels.data.labels.marks_cells import LONG, MARKS, MEND, WIDE, WORDS, contradicts, note_unused, repeats
from fewlabels.data.labels.rules import misspelt

_MEANT_AS_MARK = frozenset(["yes", "no", "y", "n", "true", "false", "present", "absent", "x", "+", "-"])


def class_faults(header: CsvRow, names: list[str]) -> list[Fault]:
    """What is wrong with the names of the classes."""
    counts = Counter(name for name in names if name and name not in RESERVED)
    mend = "delete or rename one of them"
    faults = [fatal(header.where, f"column '{name}' is there twice", mend) for name in counts if counts[name] > 1]
    for other, most in misspelt(counts).items():
        faults.append(fatal(header.where, f"columns '{most}' and '{other}' differ only in form", mend))
    if not counts:
        faults.append(fatal(header.where, "names no class", f"the first line must name {WIDE}, or {LONG}"))
    return faults


class _Line(NamedTuple):
    where: str
    path: str
    cells: list[str]
    """One for each class."""
    split: int


def read_wide(file: Path, rows: list[CsvRow], names: list[str], index: ImageIndex, marks: Marks) -> None:
    """Add what the rows say, and the classes in the order of the columns."""
    columns = [column for column, name in enumerate(names) if name and name not in RESERVED]
    lines: list[_Line] = []
    for row in rows:
        try:
            values = values_of(row, names, frozenset(("path", "split")))
            path = index.find(values["path"])
            split = split_of(values, path)
        except BadRow as bad:
            marks.faults.append(Fault(row.where, *bad.args))
            continue
        cells = row.cells + [""] * (len(names) - len(row.cells))
        lines.append(_Line(row.where, path, [cells[k] for k in columns], TRAIN if split is None else split))
    kept = [k for k in range(len(columns)) if _is_class({line.cells[k] for line in lines})]
    unused = [names[columns[k]] for k in range(len(columns)) if k not in set(kept)]
    note_unused(file, unused, marks)
    marks.classes = tuple(names[columns[k]] for k in kept)
    if not kept:
        shown = ", ".join(repr(name) for name in unused)
        marks.faults.append(fatal(file.name, f"no cell under {shown} is a mark of a class", MEND))
    for line in lines:
        _add_line(line, kept, marks)


def _is_class(cells: set[str]) -> bool:
    """A column of other things, as captions, is none; one in which somebody wrote "yes" is one, to be mended."""
    bad = cells.difference(MARKS)
    some = any(cell in MARKS for cell in cells if cell)
    return not bad or some or any(cell.lower() in _MEANT_AS_MARK for cell in bad)


def _add_line(line: _Line, kept: list[int], marks: Marks) -> None:
    cells = [line.cells[k] for k in kept]
    wrong = next((k for k, cell in enumerate(cells) if cell not in MARKS), None)
    if wrong is not None:
        what, mend = f"class '{marks.classes[wrong]}' of '{line.path}' is '{cells[wrong]}'", MEND
        if "\n" in cells[wrong] or "\r" in cells[wrong]:
            what, mend = 'a quote (") is opened and not closed', "close or delete it"
        marks.faults.append(Fault(line.where, what, mend, leave_out=(line.path,)))
        return
    now = Marked(np.array([MARKS[cell] for cell in cells], np.int8), line.split, line.where)
    before = marks.given.setdefault(line.path, now)
    if before is now:
        return
    differ = np.flatnonzero(before.marks != now.marks)
    if len(differ):
        k = int(differ[0])
        was, is_now = (WORDS[int(told.marks[k])] for told in (before, now))
        contradicts(line.where, line.path, f"class '{marks.classes[k]}' {is_now}", was, before.where, marks)
    elif before.split != now.split:
        contradicts(line.where, line.path, SPLITS[now.split], SPLITS[before.split], before.where, marks)
    else:
        repeats(line.where, line.path, before.where, marks)
