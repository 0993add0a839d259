"""The rows of a CSV that a person or a spreadsheet wrote, and the images that they name."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fewlabels.data.dataset import SPLITS
from fewlabels.data.labels.faults import Fault
from fewlabels.errors import UserError, nearest

RESERVED = ("path", "split", "x0", "y0", "x1", "y1", "width", "height")
"""Columns that mean the same in every task, and so are never a class."""
MEANT = {
    "path": ("file", "filename", "file_name", "filepath", "image", "image_path", "img", "name", "id"),
    "label": ("class", "class_name", "category", "target", "y", "labels", "species"),
}
"""What people call these columns."""
_KNOWN = frozenset((*RESERVED, "label", "present"))


class CsvRow(NamedTuple):
    """One record of the file."""

    where: str
    """``labels.csv row 17``: the line of the file it starts in."""
    cells: list[str]
    """Without the spaces around them."""


class CsvTable(NamedTuple):
    """An open CSV."""

    header: CsvRow
    rows: Iterator[CsvRow]


class BadRow(Exception):
    """One row is unusable: (what, mend, images to leave out)."""


def open_table(file: Path, first_line: str) -> CsvTable | Fault:
    """The header and the records of a CSV in UTF-8 or UTF-16, or why there are none.

    Args:
        file: delimited by comma, semicolon or tab.
        first_line: what its first line must be, to say so.

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


def fatal(where: str, what: str, mend: str) -> Fault:
    """A fault of the whole file."""
    return Fault(where, what, mend, fatal=True)


def header_faults(header: CsvRow, names: list[str], needed: Sequence[str], first_line: str) -> list[Fault]:
    """What is wrong with the names of the columns (in small letters), of which the needed must each be there once."""
    faults = []
    shown = ", ".join(f"'{name}'" for name in names)
    for column in needed:
        if names.count(column) > 1:
            faults.append(fatal(header.where, f"column '{column}' is there twice", "delete or rename one of them"))
        elif column not in names:
            meant = next((name for name in names if name in MEANT.get(column, ())), None)
            hint = f"did you mean '{meant}'?" if meant else nearest(column, names)
            mend = f"the first line must name the columns: {first_line} ({hint})"
            faults.append(fatal(header.where, f"no column '{column}' among {shown}", mend))
    return faults


def values_of(row: CsvRow, names: Sequence[str], used: frozenset[str]) -> dict[str, str]:
    """The cells of a row by the names of their columns; those at the end may be missing.

    Raises:
        BadRow: a quote is open in a used column, there are more cells than columns, or there is no path.
    """
    if any("\n" in cell or "\r" in cell for cell, name in zip(row.cells, names, strict=False) if name in used):
        raise BadRow('a quote (") is opened and not closed', "close or delete it")
    if any(row.cells[len(names) :]):
        raise BadRow(f"has {len(row.cells)} cells under {len(names)} columns", "put cells with a delimiter in quotes")
    values = dict(zip(names, row.cells, strict=False))
    if not values.get("path"):
        raise BadRow("no path", "name the image, or delete the row")
    return values


def split_of(values: dict[str, str], path: str) -> int | None:
    """The split that a row names, None where it names none.

    Raises:
        BadRow: there is no such split.
    """
    split = values.get("split", "").lower()
    if split and split not in SPLITS:
        mend = f"write train, val or test ({nearest(split, SPLITS)})"
        # Without its row the image would be trained on, which "holdout" may have meant to prevent.
        raise BadRow(f"unknown split '{values['split']}'", mend, (path,))
    return SPLITS.index(split) if split else None


class ImageIndex:
    """The images there are, and what somebody may have meant by a path that is not among them."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = frozenset(files)
        self._near: dict[str, str] = {}
        for path in files:
            pure = PurePosixPath(path)
            for key in (path, pure.name, pure.stem, str(pure.with_suffix(""))):
                self._near.setdefault(key.casefold(), path)

    def find(self, written: str) -> str:
        """The image that a row names.

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
        hint = f"did you mean '{meant}'?" if meant else "mend the path or delete the row"
        raise BadRow(f"no image '{written}' among the data", hint)


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the labels '{file}' ({error.strerror}); give a CSV with --labels") from error
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what spreadsheets call Unicode text
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _rows(text: str, name: str) -> Iterator[CsvRow]:
    """The records that are not blank, cells stripped, each with the line it starts in."""
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
        except csv.Error:  # a field longer than any path: the rest of the file, after a quote that nobody closed
            cells = ["\n"]
        if any(cells):
            yield CsvRow(f"{name} row {start}", cells)


def _known_columns(line: str, delimiter: str) -> int:
    return len({cell.strip(' "\r\n').lower() for cell in line.split(delimiter)} & _KNOWN)
