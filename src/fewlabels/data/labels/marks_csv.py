"""Read which classes are present in which image from a CSV: a column for each class, or a row for each mark."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewlabels.data.labels.annotations import Annotations
from fewlabels.data.labels.csv_rows import (
    ALTERNATIVE_NAMES,
    RESERVED,
    ImageIndex,
    header_faults,
    open_table,
    unused_columns,
)
from fewlabels.data.labels.exported import ExportedLabels
from fewlabels.data.labels.faults import Fault
from fewlabels.data.labels.marks_cells import LONG_COLUMNS, LONG_HEADER, WIDE_COLUMNS
from fewlabels.data.labels.marks_long import read_long
from fewlabels.data.labels.marks_wide import class_faults, read_wide
from fewlabels.errors import UserError

_LEDGER_NAMES = {"class": "label", "label": "present"}
"""The names of the long form's columns by those that ``fewlabels label`` and ``predict`` give them."""
_ONE_CLASS = "a label without 'present' is for --task classify"
_WIDE_HEADER = f"columns {WIDE_COLUMNS}"


def is_marks_csv(file: Path) -> bool:
    """Return whether the header leaves no doubt that there are several labels per image.

    That is so with the columns ``path,label,present``, and with ``path`` and others none of which may be one label.
    """
    try:
        table = open_table(file, _WIDE_HEADER)
    except UserError:
        return False
    if isinstance(table, Fault):
        return False
    names = {cell.lower() for cell in table.header.cells if cell}
    if names.issuperset(LONG_COLUMNS):
        return True
    return (
        "path" in names
        and bool(names.difference(RESERVED))
        and names.isdisjoint(("label", *ALTERNATIVE_NAMES["label"]))
    )


def read_marks_csv(file: Path, files: Sequence[str]) -> Annotations[np.ndarray]:
    """Read a CSV in either form, with or without a column ``split`` (train, val or test; empty is train).

    Wide: ``path`` and a column for each class, whose order is kept. Long: ``path,label,present``, a row for each known
    mark; a row with only a path and a split states the split. A mark is 1 (present), 0 (absent), or nothing or -1
    (unknown). ``path,class,label`` are the same three columns, as ``fewlabels predict`` and ``label`` write them.

    Args:
        file: CSV in UTF-8 or UTF-16, delimited by comma, semicolon or tab.
        files: the images of the data set, as POSIX paths relative to the data folder.

    Raises:
        UserError: the file cannot be opened. Anything else that is wrong becomes a fault with its row.
    """
    found: Annotations[np.ndarray] = Annotations(classes=())
    table = open_table(file, _WIDE_HEADER)
    if isinstance(table, Fault):
        found.faults.append(table)
        return found
    written = table.header.cells
    names = [name.lower() if name.lower() in (*RESERVED, "label", "present") else name for name in written]
    rows, index = list(table.rows), ImageIndex(files)
    if {"class", "label"}.issubset(names) and "present" not in names:
        names = [_LEDGER_NAMES.get(name, name) for name in names]
    if "label" in names or "present" in names:
        found.faults += header_faults(table.header, names, LONG_COLUMNS, f"{LONG_HEADER}; {_ONE_CLASS}")
        if not found.faults:
            exported = ExportedLabels(names)
            found.notes += unused_columns(file, names, (*LONG_COLUMNS, "given"))
            read_long(rows, names, index, found, exported)
            found.notes += exported.notes(file)
        return found
    found.faults += header_faults(table.header, names, ("path",), _WIDE_HEADER) + class_faults(table.header, names)
    if not found.faults:
        read_wide(file, rows, names, index, found)
    return found
