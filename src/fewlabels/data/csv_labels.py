"""Read which image has which label from a CSV that a person or a spreadsheet wrote."""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from fewlabels.data.dataset import SPLITS, TRAIN
from fewlabels.data.faults import Fault, Note
from fewlabels.errors import UserError, nearest

RESERVED = ("path", "split", "x0", "y0", "x1", "y1", "width", "height")
"""Columns that mean the same in every task, and so are never a class."""
_MEANT = {
    "path": ("file", "filename", "file_name", "filepath", "image", "image_path", "img", "name", "id"),
    "label": ("class", "class_name", "category", "target", "y", "labels", "species"),
}
_USED = frozenset(("path", "label", "split"))
_NO_LABEL = frozenset(("-1", "nan", "none", "null", "na", "n/a", "?", "unlabelled", "unlabeled", "unknown"))


class Given(NamedTuple):
    """What the data says of one image."""

    label: str
    """ "" when it is unlabelled."""
    split: int
    where: str
    """Where it says so: ``labels.csv row 17``, or the image itself in a class-per-folder tree."""


@dataclass
class Labels:
    """What the data says of the images, by path; an image that is not named is an unlabelled training image."""

    given: dict[str, Given] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    folder_is_class: bool = False
    """The labels are the folders' names."""


class _Row(NamedTuple):
    where: str
    cells: list[str]


class _Bad(Exception):
    """One row is unusable: (what, mend, images to leave out)."""


def read_labels(file: Path, files: Sequence[str]) -> Labels:
    """Read the columns ``path,label`` and, if there, ``split`` (train, val or test; empty is train).

    Args:
        file: CSV in UTF-8 (with or without byte order mark) or UTF-16, delimited by comma, semicolon or tab.
        files: the images there are, as POSIX paths relative to the data folder.

    Raises:
        UserError: the file cannot be opened. All else that may be wrong with it becomes a fault with its row, which
            is the line of the file it starts in.
    """
    labels = Labels()
    try:
        text = _text(file)
    except UnicodeDecodeError as error:
        row = error.object.count(b"\n", 0, error.start) + 1
        labels.faults.append(_fatal(f"{file.name} row {row}", "is not UTF-8", "save the file as UTF-8"))
        return labels
    rows = _rows(text, file.name)
    header = next(rows, None)
    if header is None:
        labels.faults.append(_fatal(file.name, "is empty", "its first line must be: path,label"))
        return labels
    names = [cell.lower() for cell in header.cells]
    labels.faults += _header_faults(header, names)
    if labels.faults:
        return labels
    unused = [name for name in names if name and name not in (*RESERVED, "label")]
    if unused:
        labels.notes.append(Note("", f"{file.name}: not used: column {', '.join(repr(name) for name in unused)}"))
    _read_rows(rows, names, _Index(files), labels)
    _note_odd_labels(labels, file.name)
    return labels


def read_table(rows: Iterable[tuple[str, str, str, int]], files: Sequence[str]) -> Labels:
    """The same from rows that another reader made: where it stands, path, label, and the number of the split."""
    labels = Labels()
    cells = (_Row(where, [path, label, SPLITS[split]]) for where, path, label, split in rows)
    _read_rows(cells, ["path", "label", "split"], _Index(files), labels)
    return labels


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the labels '{file}' ({error.strerror}); give a CSV with --labels") from error
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))  # what spreadsheets call Unicode text
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def _rows(text: str, name: str) -> Iterator[_Row]:
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
            yield _Row(f"{name} row {start}", cells)


def _known_columns(line: str, delimiter: str) -> int:
    return len({cell.strip(' "\r\n').lower() for cell in line.split(delimiter)} & {*RESERVED, "label"})


def _fatal(where: str, what: str, mend: str) -> Fault:
    return Fault(where, what, mend, fatal=True)


def _header_faults(header: _Row, names: list[str]) -> list[Fault]:
    faults = []
    shown = ", ".join(f"'{name}'" for name in names)
    for column in ("path", "label"):
        if names.count(column) > 1:
            faults.append(_fatal(header.where, f"column '{column}' is there twice", "delete or rename one of them"))
        elif column not in names:
            meant = next((name for name in names if name in _MEANT[column]), None)
            hint = f"did you mean '{meant}'?" if meant else nearest(column, names)
            mend = f"the first line must name the columns: path,label ({hint})"
            faults.append(_fatal(header.where, f"no column '{column}' among {shown}", mend))
    return faults


def _read_rows(rows: Iterator[_Row], names: list[str], index: "_Index", labels: Labels) -> None:
    for row in rows:
        try:
            path, given = _read_row(row, names, index)
        except _Bad as bad:
            labels.faults.append(Fault(row.where, *bad.args))
            continue
        before = labels.given.setdefault(path, given)
        if before is given:
            continue
        if before[:2] == given[:2]:
            labels.notes.append(Note("a repeated row", f"{row.where}: '{path}' is already in {before.where}"))
        else:
            was, now = (_told(told) for told in (before, given))
            what = f"'{path}' is {now} here but {was} in {before.where}"
            labels.faults.append(Fault(row.where, what, "delete one of the rows", leave_out=(path,)))


def _told(given: Given) -> str:
    return f"{repr(given.label) if given.label else 'unlabelled'} ({SPLITS[given.split]})"


def _read_row(row: _Row, names: list[str], index: "_Index") -> tuple[str, Given]:
    if any("\n" in cell or "\r" in cell for cell, name in zip(row.cells, names, strict=False) if name in _USED):
        raise _Bad('a quote (") is opened and not closed', "close or delete it")
    if any(row.cells[len(names) :]):
        raise _Bad(f"has {len(row.cells)} cells under {len(names)} columns", "put cells with a delimiter in quotes")
    values = dict(zip(names, row.cells, strict=False))
    if not values.get("path"):
        raise _Bad("no path", "name the image, or delete the row")
    path = index.find(values["path"])
    split = values.get("split", "").lower()
    if split and split not in SPLITS:
        mend = f"write train, val or test ({nearest(split, SPLITS)})"
        # Without its row the image would be trained on, which "holdout" may have meant to prevent.
        raise _Bad(f"unknown split '{values['split']}'", mend, (path,))
    return path, Given(values.get("label", ""), SPLITS.index(split) if split else TRAIN, row.where)


class _Index:
    """The images there are, and what somebody may have meant by a path that is not among them."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = frozenset(files)
        self._near: dict[str, str] = {}
        for path in files:
            pure = PurePosixPath(path)
            for key in (path, pure.name, pure.stem, str(pure.with_suffix(""))):
                self._near.setdefault(key.casefold(), path)

    def find(self, written: str) -> str:
        """The image that a row names."""
        if written in self._files:
            return written
        slashed = written.replace("\\", "/")
        if slashed.startswith("/") or re.match("[A-Za-z]:", slashed):
            raise _Bad(f"'{written}' is an absolute path", "write paths relative to the data folder")
        path = os.path.normpath(slashed)
        if path == ".." or path.startswith("../"):
            raise _Bad(f"'{written}' leads out of the data folder", "keep the images inside it")
        if path in self._files:
            return path
        pure = PurePosixPath(path)
        meant = next((self._near[k.casefold()] for k in (path, pure.name, pure.stem) if k.casefold() in self._near), "")
        hint = f"did you mean '{meant}'?" if meant else "mend the path or delete the row"
        raise _Bad(f"no image '{written}' among the data", hint)


def _note_odd_labels(labels: Labels, name: str) -> None:
    for label in sorted({given.label for given in labels.given.values()}):
        if label.casefold() in _NO_LABEL:
            text = f"{name}: '{label}' is read as the name of a class; leave the label empty for an unlabelled image"
            labels.notes.append(Note("", text))
