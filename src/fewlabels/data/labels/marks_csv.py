"""Read which classes are present in which image from a CSV: a column for each class, or a row for each mark."""

from collections.abc import Sequence
from pathlib import Path

from fewlabels.data.labels.csv_rows import MEANT, RESERVED, ImageIndex, header_faults, open_table
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.marks import Marks
from fewlabels.data.labels.marks_cells import LONG, WIDE, note_unused
from fewlabels.data.labels.marks_long import LONG_COLUMNS, read_long
from fewlabels.data.labels.marks_wide import class_faults, read_wide
from fewlabels.errors import UserError

_WRITTEN = {"class": "label", "label": "present"}
"""The names that the files of ``fewlabels label`` and ``predict`` give to the columns of the long form."""
_ONE_CLASS = "a label without 'present' is for --task classify"


def is_marks_csv(file: Path) -> bool:
    """Does the header leave no doubt that there are several labels per image?

    It does with the columns ``path,label,present``, and with ``path`` and others none of which may be one label.
    """
    try:
        table = open_table(file, WIDE)
    except UserError:
        return False
    if isinstance(table, Fault):
        return False
    names = {cell.lower() for cell in table.header.cells if cell}
    if names.issuperset(LONG_COLUMNS):
        return True
    return "path" in names and bool(names.difference(RESERVED)) and names.isdisjoint(("label", *MEANT["label"]))


def read_marks_csv(file: Path, files: Sequence[str]) -> Marks:
    """Read a CSV in either form, perhaps with a column ``split`` (train, val or test; empty is train).

    Wide: ``path`` and a column for each class, in any order, which is kept. Long: ``path,label,present``, a row for
    each known mark; a row with nothing but a path and a split says the split. A mark is 1 (present), 0 (absent), or
    nothing or -1 (unknown). ``path,class,label`` are the same three, as our own predictions are written.

    Args:
        file: CSV in UTF-8 or UTF-16, delimited by comma, semicolon or tab.
        files: the images there are, as POSIX paths relative to the data folder.

    Raises:
        UserError: the file cannot be opened. All else that may be wrong with it becomes a fault with its row.
    """
    marks = Marks()
    table = open_table(file, WIDE)
    if isinstance(table, Fault):
        marks.faults.append(table)
        return marks
    written = table.header.cells
    names = [name.lower() if name.lower() in (*RESERVED, "label", "present") else name for name in written]
    rows, index = list(table.rows), ImageIndex(files)
    if {"class", "label"}.issubset(names) and "present" not in names:
        names = [_WRITTEN.get(name, name) for name in names]
    if "label" in names or "present" in names:
        marks.faults += header_faults(table.header, names, LONG_COLUMNS, f"{LONG}; {_ONE_CLASS}")
        if not marks.faults:
            note_unused(file, [name for name in names if name not in (*RESERVED, *LONG_COLUMNS)], marks)
            read_long(rows, names, index, marks)
        return marks
    marks.faults += header_faults(table.header, names, ("path",), WIDE) + class_faults(table.header, names)
    if not marks.faults:
        read_wide(file, rows, names, index, marks)
    return marks
