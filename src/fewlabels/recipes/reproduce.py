"""Runs a table's cells one by one, skips what is done, and writes the table as far as it stands."""

import hashlib
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from fewlabels.errors import UserError, nearest
from fewlabels.files import write_text
from fewlabels.options import read_config
from fewlabels.recipes.table import MODEL, Cell, PaperTable, load_table

Record = dict[str, Any]
METRICS = {
    "accuracy": "Accuracy",
    "mAP": "mAP (mean over classes, not interpolated)",
    "gt_known": "GT-Known localization (IoU of 0.5 or more)",
    "top1_loc": "Top-1 localization (the class is right, too)",
}


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
    """Train what is missing of a table and write it anew after every run.

    Args:
        name: one of :func:`fewlabels.recipes.table.table_names`.
        root: where the data lie.
        out: folder of ``NAME.jsonl``, a line for each finished run, and ``NAME.md``, the table made from it.
        runs: folder of the run folders; an unfinished one is resumed.
        cells: ``ROW`` or ``ROW:COLUMN``, with * for any text; none means all.
        draws: how many label draws (default: the table's).
        minutes: begin no further run after this time; 0 only writes the table.
        say: receives one line of text at a time.

    Returns:
        The file of the table.

    Raises:
        UserError: there is no such table or cell, or ``draws`` is below 1.
    """
    table, records = load_table(name, root), out / f"{name}.jsonl"
    begin, wanted = time.monotonic(), _wanted(table, tuple(cells), draws)
    out.mkdir(parents=True, exist_ok=True)
    for cell, draw in wanted:
        if any(_is_of(record, cell, draw) for record in read_records(records)):
            continue
        if minutes is not None and time.monotonic() - begin >= 60 * minutes:
            say("time is up; the same command goes on with what is missing")
            break
        say(f"{cell.row}, {cell.column}, draw {draw + 1}")
        folder = _train(cell, draw, runs / name, say)
        _append(records, _record(cell, draw, folder, table))
        write_text(out / f"{name}.md", as_markdown(table, read_records(records)))
    write_text(out / f"{name}.md", as_markdown(table, read_records(records)))
    return out / f"{name}.md"


def _train(cell: Cell, draw: int, runs: Path, say: Callable[[str], None]) -> Path:
    """Train a cell, and before it the run that it begins from; what is finished is not done again."""
    from fewlabels.run.train import train

    options = cell.options
    if cell.start is not None:
        first = _train(cell._replace(options=cell.start, start=None), draw, runs, say)
        options = replace(options, weights=str(first / MODEL))
    folder = runs / _folder_name(cell, draw)
    train(replace(options, seed=draw, label_seed=draw, out=str(folder)), resume=True, say=say)
    return folder


def read_records(file: Path) -> list[Record]:
    """The finished runs so far; a line that a kill cut short is passed over."""
    found = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def _append(file: Path, record: Record) -> None:
    """On a line of its own, also where a kill cut the last one short."""
    cut = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" * cut + json.dumps(record) + "\n")


def _wanted(table: PaperTable, patterns: tuple[str, ...], draws: int | None) -> list[tuple[Cell, int]]:
    """Draw by draw, so that a table that is not finished has something in every cell."""
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


def _is_of(record: Record, cell: Cell, draw: int) -> bool:
    """Is it a figure of this cell, run as the recipe says today?"""
    return record["draw"] == draw and _place(record) == (cell.row, cell.column) and record["command"] == cell.command()


def _place(record: Record) -> tuple[str, str]:
    return record["row"], record["column"]


def _folder_name(cell: Cell, draw: int) -> str:
    """Another one after the recipe has changed: the run of the old one must not be taken for the new one's."""
    names = ("".join(letter if letter.isalnum() else "_" for letter in text) for text in (cell.row, cell.column))
    return "-".join([*names, str(draw), hashlib.sha256(cell.command().encode()).hexdigest()[:6]])


def _record(cell: Cell, draw: int, folder: Path, table: PaperTable) -> Record:
    """Everything that belongs to one number."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    config = _config(folder)
    return {
        "row": cell.row, "column": cell.column, "draw": draw,
        **{name: round(metrics[table.split][name], 6) for name in (table.metric, *table.also)},
        "steps": metrics["train"]["steps"], "seconds": round(metrics["train"]["seconds"], 1),
        "command": cell.command(), "commit": _commit(), **config,
    }  # fmt: skip


def _config(folder: Path) -> dict[str, Any]:
    """What the run's configuration came to, and what it ran on."""
    import yaml

    record = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["record"]
    options = read_config(folder / "config.yaml")
    return {name: options[name] for name in ("backbone", "image_size", "precision", "layout")} | {
        name: record[name] for name in ("fewlabels", "torch", "hardware", "threads")
    }


def _commit() -> str:
    """The checkout's commit, or nothing for an installed package."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def as_markdown(table: PaperTable, records: list[Record]) -> str:
    """The table: mean and deviation in per cent, the paper's figure beside it, and what belongs to the numbers."""
    valid = [r for r in records if any(_is_of(r, cell, r["draw"]) for cell in table.cells)]
    current = list({(_place(r), r["draw"]): r for r in valid}.values())  # a draw counts once, its latest line
    lines = [f"# {table.title}", "", table.about, "", *_grid(table.cells, current, table.metric)]
    lines += [
        "", f"{METRICS[table.metric]} of the {table.split} images in per cent: mean +- deviation over the label draws, "
        "and in brackets what the paper prints.", "",
    ]  # fmt: skip
    for name in table.also:
        own = [cell._replace(paper=None) for cell in table.cells]
        lines += [*_grid(own, current, name), "", f"{METRICS[name]}, in per cent.", ""]
    lines += ["| row | command | seconds a run |", "|---|---|---|"]
    for cell in table.cells:
        seconds = [r["seconds"] for r in current if _place(r) == (cell.row, cell.column)]
        if seconds:
            lines.append(f"| {cell.row}, {cell.column} | `{cell.command()}` | {mean(seconds):.0f} |")
    lines += ["", *_origins(current)]
    return "\n".join(lines) + "\n"


def _grid(cells: Sequence[Cell], records: list[Record], metric: str) -> list[str]:
    """Rows and columns of one figure."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in dict.fromkeys(cell.row for cell in cells):
        own = {cell.column: cell for cell in cells if cell.row == row}
        lines.append(f"| {row} | " + " | ".join(_figure(own.get(c), records, metric) for c in columns) + " |")
    return lines


def _figure(cell: Cell | None, records: list[Record], metric: str) -> str:
    """One cell's text."""
    if cell is None:
        return ""
    paper = f" ({cell.paper:g})" if cell.paper is not None else ""
    values = [100 * r[metric] for r in records if _place(r) == (cell.row, cell.column)]
    if not values:
        return f"–{paper}"
    if len(values) == 1:
        return f"{values[0]:.1f}, one draw{paper}"
    return f"{mean(values):.1f} +- {stdev(values):.1f}{paper}"


def _origins(records: list[Record]) -> list[str]:
    """On what and by which version the figures were made."""
    kinds = ("commit", "fewlabels", "torch", "hardware", "threads")
    return [f"{kind}: {', '.join(dict.fromkeys(str(r[kind]) for r in records))}  " for kind in kinds if records]
