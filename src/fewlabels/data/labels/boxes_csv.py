"""Read the boxes of images from a CSV that a person or a spreadsheet wrote."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fewlabels.data.labels.csv_rows import (
    BadRow,
    CsvRow,
    CsvTable,
    ImageIndex,
    open_columns,
    open_table,
    unused_columns,
    values_of,
)
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.errors import UserError

BOX_COLUMNS = ("x0", "y0", "x1", "y1")
_FIRST_LINE = "path,x0,y0,x1,y1"
_USED = frozenset(("path", *BOX_COLUMNS))


class BoxRow(NamedTuple):
    """One box as a file states it."""

    where: str
    """``boxes.csv row 17``."""
    path: str
    box: tuple[float, ...]
    """(x0, y0, x1, y1) in pixels of the stored image."""
    size: tuple[float, float] | None = None
    """Width and height of the image that the pixels refer to, where it may be a copy of another size."""


@dataclass
class BoxRows:
    """The boxes that a file states, not yet compared with their images."""

    rows: list[BoxRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def has_box_columns(file: Path) -> bool:
    """Return whether a CSV names any of ``BOX_COLUMNS`` and no ``confidence``, with which a model wrote the boxes.

    Raises:
        UserError: the file cannot be opened.
    """
    table = open_table(file, _FIRST_LINE)
    names = table.names if isinstance(table, CsvTable) else []
    return "confidence" not in names and any(name in BOX_COLUMNS for name in names)


def read_box_csv(file: Path, index: ImageIndex) -> BoxRows:
    """Read the columns ``path,x0,y0,x1,y1``: a row per box, in pixels of the stored image.

    A row whose four numbers are all empty states that its image has no box.

    Args:
        file: CSV in UTF-8 (with or without byte order mark) or UTF-16, delimited by comma, semicolon or tab.
        index: the images that a row may name.

    Raises:
        UserError: the file cannot be opened. Anything else that is wrong with it becomes a fault with its row.
    """
    if not file.is_file():
        raise UserError(f"no file '{file}' with boxes; name a CSV whose first line is {_FIRST_LINE}")
    boxes = BoxRows()
    table = open_columns(file, ("path", *BOX_COLUMNS))
    if isinstance(table, list):
        boxes.faults += table
        return boxes
    boxes.notes += unused_columns(file, table.names, ("label",))
    for row in table.rows:
        try:
            if box := _read_row(row, table.names, index):
                boxes.rows.append(box)
        except BadRow as bad:
            boxes.faults.append(Fault(row.where, *bad.args))
    return boxes


def _read_row(row: CsvRow, names: Sequence[str], index: ImageIndex) -> BoxRow | None:
    values = values_of(row, names, _USED)
    path = index.find(values["path"])
    cells = [values[name] for name in BOX_COLUMNS]
    if not any(cells):
        return None
    return BoxRow(row.where, path, tuple(_number(name, cell) for name, cell in zip(BOX_COLUMNS, cells, strict=True)))


def _number(name: str, cell: str) -> float:
    try:
        number = float(cell)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        what = f"{name} is '{cell}', which is not a number" if cell else f"{name} is empty"
        raise BadRow(what, "write x0,y0,x1,y1 in pixels, or leave all four empty where there is no box")
    return number
