"""Reproduction of a table: run the missing cells one by one and write the table after each."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from fewlabels.errors import UserError, nearest
from fewlabels.files import write_text
from fewlabels.recipes.markdown import as_markdown
from fewlabels.recipes.records import append_record, is_record_of, make_record, read_records
from fewlabels.recipes.table import MODEL, Cell, PaperTable, load_table

CellDraw = tuple[Cell, int]
"""A cell and the number of the label draw, from 0."""


def reproduce(
    name: str,
    root: Path,
    out: Path,
    runs: Path,
    cells: Iterable[str] = (),
    draws: int | None = None,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Train the missing cells of a table and write the table after every run.

    Args:
        name: one of :func:`fewlabels.recipes.table.table_names`.
        root: directory of the data sets.
        out: directory of ``NAME.jsonl``, with a line for each finished run, and ``NAME.md``, the table.
        runs: directory of the run folders; an unfinished run is resumed.
        cells: ``ROW`` or ``ROW:COLUMN``, with * for any text; all cells if empty.
        draws: number of label draws (default: the table's).
        minutes: start no further run after this time; 0 only writes the table.
        say: receives one line of text at a time.

    Returns:
        The file of the table.

    Raises:
        UserError: there is no such table or cell, or ``draws`` is below 1.
    """
    table, page, records = load_table(name, root), out / f"{name}.md", out / f"{name}.jsonl"
    wanted = _wanted(table, tuple(cells), draws)
    out.mkdir(parents=True, exist_ok=True)
    for cell, draw in _until(minutes, _missing(wanted, records), say):
        say(f"{cell.row}, {cell.column}, draw {draw + 1}")
        append_record(records, make_record(cell, draw, _train(cell, draw, runs / name, say), table))
        _write_table(table, records, page)
    _write_table(table, records, page)
    return page


def _missing(wanted: list[CellDraw], records: Path) -> Iterator[CellDraw]:
    """Yield the cells and draws without a record."""
    for cell, draw in wanted:
        if not any(is_record_of(record, cell, draw) for record in read_records(records)):
            yield cell, draw


def _until(minutes: float | None, missing: Iterator[CellDraw], say: Callable[[str], None]) -> Iterator[CellDraw]:
    """Yield runs until the time is over."""
    begin = time.monotonic()
    for run in missing:
        if minutes is not None and time.monotonic() - begin >= 60 * minutes:
            say("time limit reached: repeat the command to run the missing cells")
            return
        yield run


def _write_table(table: PaperTable, records: Path, page: Path) -> None:
    write_text(page, as_markdown(table, read_records(records)))


def _train(cell: Cell, draw: int, runs: Path, say: Callable[[str], None]) -> Path:
    """Train a cell, and first the run whose model it starts from; finished runs are not repeated."""
    from fewlabels.run.train import train

    options = cell.options
    if cell.start is not None:
        first = _train(cell._replace(options=cell.start, start=None), draw, runs, say)
        options = replace(options, weights=str(first / MODEL))
    folder = runs / _folder_name(cell, draw)
    train(replace(options, seed=draw, label_seed=draw, out=str(folder)), resume=True, say=say)
    return folder


def _wanted(table: PaperTable, patterns: tuple[str, ...], draws: int | None) -> list[CellDraw]:
    """List the requested cells, draw by draw, so that an unfinished table has a figure in every cell."""
    if draws is not None and draws < 1:
        raise UserError(f"--draws {draws} is out of range; give 1 or more")
    for pattern in patterns:
        if not any(_matches(cell, pattern) for cell in table.cells):
            names = {f"{cell.row}:{cell.column}" if ":" in pattern else cell.row for cell in table.cells}
            raise UserError(f"the table has no cell '{pattern}'; {nearest(pattern, names)}")
    chosen = [cell for cell in table.cells if not patterns or any(_matches(cell, pattern) for pattern in patterns)]
    return [(cell, draw) for draw in range(draws or table.draws) for cell in chosen]


def _matches(cell: Cell, pattern: str) -> bool:
    row, _, column = pattern.partition(":")
    return fnmatchcase(cell.row, row) and fnmatchcase(cell.column, column or "*")


def _folder_name(cell: Cell, draw: int) -> str:
    """Return a name that contains a hash of the command, so that a changed recipe does not reuse an old run."""
    names = ("".join(letter if letter.isalnum() else "_" for letter in text) for text in (cell.row, cell.column))
    return "-".join([*names, str(draw), hashlib.sha256(cell.command().encode()).hexdigest()[:6]])
