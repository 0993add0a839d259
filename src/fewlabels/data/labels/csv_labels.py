"""Read which image has which label from a CSV that a person or a spreadsheet wrote."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fewlabels.data.dataset import SPLITS, TRAIN
from fewlabels.data.labels.csv_rows import (
    RESERVED,
    BadRow,
    CsvRow,
    ImageIndex,
    header_faults,
    open_table,
    split_of,
    values_of,
)
from fewlabels.data.labels.faults import Fault, Note

_FIRST_LINE = "path,label"
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
    table = open_table(file, _FIRST_LINE)
    if isinstance(table, Fault):
        labels.faults.append(table)
        return labels
    names = [cell.lower() for cell in table.header.cells]
    labels.faults += header_faults(table.header, names, ("path", "label"), _FIRST_LINE)
    if labels.faults:
        return labels
    unused = [name for name in names if name and name not in (*RESERVED, "label")]
    if unused:
        labels.notes.append(Note("", f"{file.name}: not used: column {', '.join(repr(name) for name in unused)}"))
    _read_rows(table.rows, names, ImageIndex(files), labels)
    _note_odd_labels(labels, file.name)
    return labels


def read_table(rows: Iterable[tuple[str, str, str, int]], files: Sequence[str]) -> Labels:
    """The same from rows that another reader made: where it stands, path, label, and the number of the split."""
    labels = Labels()
    cells = (CsvRow(where, [path, label, SPLITS[split]]) for where, path, label, split in rows)
    _read_rows(cells, ["path", "label", "split"], ImageIndex(files), labels)
    return labels


def _read_rows(rows: Iterator[CsvRow], names: list[str], index: ImageIndex, labels: Labels) -> None:
    for row in rows:
        try:
            path, given = _read_row(row, names, index)
        except BadRow as bad:
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


def _read_row(row: CsvRow, names: list[str], index: ImageIndex) -> tuple[str, Given]:
    values = values_of(row, names, _USED)
    path = index.find(values["path"])
    split = split_of(values, path)
    return path, Given(values.get("label", ""), TRAIN if split is None else split, row.where)


def _note_odd_labels(labels: Labels, name: str) -> None:
    for label in sorted({given.label for given in labels.given.values()}):
        if label.casefold() in _NO_LABEL:
            text = f"{name}: '{label}' is read as the name of a class; leave the label empty for an unlabelled image"
            labels.notes.append(Note("", text))
