"""Records of finished runs, one JSON line each."""

import json
import subprocess
from pathlib import Path
from typing import Any

from fewlabels.options import read_config
from fewlabels.recipes.table import Cell, PaperTable

Record = dict[str, Any]


def read_records(file: Path) -> list[Record]:
    """Read the records of a file, none if it does not exist; an incomplete line of an interrupted write is skipped."""
    records = []
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        try:
            records.append(json.loads(line))
        except ValueError:
            continue
    return records


def append_record(file: Path, record: Record) -> None:
    """Append a record on a line of its own, also after an incomplete line."""
    incomplete = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" * incomplete + json.dumps(record) + "\n")


def is_record_of(record: Record, cell: Cell, draw: int) -> bool:
    """Return whether the record is of this cell and draw, with the command of the current recipe."""
    same_cell = position(record) == (cell.row, cell.column)
    return same_cell and record["draw"] == draw and record["command"] == cell.command()


def position(record: Record) -> tuple[str, str]:
    """Return row and column of a record."""
    return record["row"], record["column"]


def make_record(cell: Cell, draw: int, folder: Path, table: PaperTable) -> Record:
    """Collect the metrics of a finished run folder and how they were computed."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return {
        "row": cell.row, "column": cell.column, "draw": draw,
        **{name: round(metrics[table.split][name], 6) for name in (table.metric, *table.also)},
        "steps": metrics["train"]["steps"], "seconds": round(metrics["train"]["seconds"], 1),
        "command": cell.command(), "commit": _commit(), **_config(folder),
    }  # fmt: skip


def _config(folder: Path) -> dict[str, Any]:
    """Return the resolved options that differ between machines, versions and hardware."""
    import yaml

    record = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))["record"]
    options = read_config(folder / "config.yaml")
    return {name: options[name] for name in ("backbone", "image_size", "precision", "layout")} | {
        name: record[name] for name in ("fewlabels", "torch", "hardware", "threads")
    }


def _commit() -> str:
    """Return the commit of the checkout, or an empty string for an installed package."""
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
