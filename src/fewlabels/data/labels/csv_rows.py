"""The rows of a CSV that a person or a spreadsheet wrote, and the images that they name."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fewlabels.data.dataset import SPLITS
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.errors import UserError, nearest

RESERVED = ("path", "split", "x0", "y0", "x1", "y1", "width", "height")
"""Columns that mean the same in every task, and so are never a class."""
ALTERNATIVE_NAMES = {
    "path": ("file", "filename", "file_name", "filepath", "image", "image_path", "img", "name", "id"),
    "label": ("class", "class_name", "category", "target", "y", "labels", "species"),
}
"""Other names that people give these columns."""
_KNOWN = frozenset((*RESERVED, "label", "present"))


class CsvRow(NamedTuple):
    """One record of the file."""

    where: str
    """``labels.csv row 17``: the line of the file in which it starts."""
    cells: list[str]
    """Without surrounding spaces."""


class CsvTable(NamedTuple):
    """An open CSV."""

    header: CsvRow
    rows: Iterator[CsvRow]

    @property
    def names(self) -> list[str]:
        """The names of the columns, in lower case."""
        return [cell.lower() for cell in self.header.cells]


class BadRow(Exception):
    """A row is unusable: (what, remedy), and optionally the paths of the images to leave out."""


def open_table(file: Path, first_line: str) -> CsvTable | Fault:
    """Return the header and the records of a CSV in UTF-8 or UTF-16, or the reason why there are none.

    Args:
        file: delimited by comma, semicolon or tab.
        first_line: what its first line must be, for messages.

    Raises:
        UserError: the file cannot be opened.
    """
    try:
        text = _text(file)
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        return fatal(f"{file.name} row {row}", "is not UTF-8", "save the file as UTF-8")
    rows = _rows(text, file.name)
    header = next(rows, None)
    if header is None:
        return fatal(file.name, "is empty", f"its first line must be: {first_line}")
    return CsvTable(header, rows)


def open_columns(file: Path, needed: Sequence[str]) -> CsvTable | list[Fault]:
    """Open a CSV that must have some columns, given in lower case; return the faults of its header if it has not.

    Raises:
        UserError: the file cannot be opened.
    """
    first_line = ",".join(needed)
    table = open_table(file, first_line)
    if isinstance(table, Fault):
        return [table]
    return header_faults(table.header, table.names, needed, first_line) or table


def fatal(where: str, what: str, remedy: str) -> Fault:
    """Return a fault of the whole file."""
    return Fault(where, what, remedy, fatal=True)


def header_faults(header: CsvRow, names: list[str], needed: Sequence[str], first_line: str) -> list[Fault]:
    """Find which needed columns are missing or there twice.

    Args:
        header: the first record.
        names: its columns, in lower case.
        needed: the columns that must each be there once.
        first_line: what the first line must be, for messages.
    """
    faults = []
    shown = ", ".join(f"'{name}'" for name in names)
    for column in needed:
        if names.count(column) > 1:
            faults.append(fatal(header.where, f"column '{column}' is there twice", "delete or rename one of them"))
        elif column not in names:
            meant = next((name for name in names if name in ALTERNATIVE_NAMES.get(column, ())), None)
            hint = f"did you mean '{meant}'?" if meant else nearest(column, names)
            remedy = f"the first line must name the columns: {first_line} ({hint})"
            faults.append(fatal(header.where, f"no column '{column}' among {shown}", remedy))
    return faults


def unused_columns(file: Path, names: Sequence[str], used: Sequence[str]) -> list[Note]:
    """Note the columns that are neither reserved nor used."""
    return not_used(file, [name for name in names if name not in (*RESERVED, *used)])


def not_used(file: Path, names: Sequence[str]) -> list[Note]:
    """Note that these columns are not used; columns without a name are passed over."""
    shown = ", ".join(repr(name) for name in names if name)
    return [Note("", f"{file.name}: not used: column {shown}")] if shown else []


def values_of(row: CsvRow, names: Sequence[str], used: frozenset[str]) -> dict[str, str]:
    """Return the cells of a row by the names of their columns; cells missing at the end are empty.

    Raises:
        BadRow: a quote is not closed in a used column, there are more cells than columns, or there is no path.
    """
    if any("\n" in cell or "\r" in cell for cell, name in zip(row.cells, names, strict=False) if name in used):
        raise BadRow('a quote (") is opened and not closed', "close or delete it")
    if any(row.cells[len(names) :]):
        raise BadRow(f"has {len(row.cells)} cells under {len(names)} columns", "put cells with a delimiter in quotes")
    values = dict(zip_longest(names, row.cells[: len(names)], fillvalue=""))
    if not values.get("path"):
        raise BadRow("no path", "name the image, or delete the row")
    return values


def split_of(values: dict[str, str], path: str) -> int | None:
    """Return the split that a row names, None where it names none.

    Raises:
        BadRow: there is no such split.
    """
    split = values.get("split", "").lower()
    if split and split not in SPLITS:
        remedy = f"write train, val or test ({nearest(split, SPLITS)})"
        # Without its row the image would be trained on, which "holdout" may have meant to prevent.
        raise BadRow(f"unknown split '{values['split']}'", remedy, (path,))
    return SPLITS.index(split) if split else None


class ImageIndex:
    """The images of a data set by path, and the nearest one to a path that is not among them."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = frozenset(files)
        self._near: dict[str, str] = {}
        for path in files:
            pure = PurePosixPath(path)
            for key in (path, pure.name, pure.stem, str(pure.with_suffix(""))):
                self._near.setdefault(key.casefold(), path)

    def find(self, written: str) -> str:
        """Return the path of the image that a row names.

        Raises:
            BadRow: there is no such image among the data.
        """
        if written in self._files:
            return written
        slashed = written.replace("\\", "/")
        if slashed.startswith("/") or re.match("[A-Za-z]:", slashed):
            raise BadRow(f"'{written}' is an absolute path", "write paths relative to the data folder")
        path = os.path.normpath(slashed)
        if path == ".." or path.startswith("../"):
            raise BadRow(f"'{written}' leads out of the data folder", "keep the images inside it")
        if path in self._files:
            return path
        pure = PurePosixPath(path)
        meant = next((self._near[k.casefold()] for k in (path, pure.name, pure.stem) if k.casefold() in self._near), "")
        hint = f"did you mean '{meant}'?" if meant else "correct the path or delete the row"
        raise BadRow(f"no image '{written}' among the data", hint)


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the labels '{file}' ({error.strerror}); give a CSV with --labels") from error
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what spreadsheets call Unicode text
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _rows(text: str, name: str) -> Iterator[CsvRow]:
    """Yield the records that are not blank, each with the line in which it starts."""
    lines = re.split("(?<=\n)|(?<=\r)(?!\n)", text)
    first = next((line for line in lines if line.strip()), "")
    delimiter = max(",;\t", key=lambda mark: (_known_columns(first, mark), first.count(mark)))
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    while True:
        start = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error:  # a field longer than any path: the rest of the file, after a quote that is not closed
            cells = ["\n"]
        if any(cells):
            yield CsvRow(f"{name} row {start}", cells)


def _known_columns(line: str, delimiter: str) -> int:
    return len({cell.strip(' "\r\n').lower() for cell in line.split(delimiter)} & _KNOWN)
