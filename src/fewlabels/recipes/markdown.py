"""Tables as Markdown."""

from collections.abc import Sequence
from statistics import mean, stdev

from fewlabels.recipes.records import Record, is_record_of, position
from fewlabels.recipes.table import Cell, PaperTable

_METRICS = {
    "accuracy": "Accuracy",
    "mAP": "mAP (mean over classes, not interpolated)",
    "gt_known": "GT-Known localization (IoU of 0.5 or more)",
    "top1_loc": "Top-1 localization (box and class are correct)",
}
_SPLITS = {"test": "test", "val": "validation"}


def as_markdown(table: PaperTable, records: list[Record]) -> str:
    """Return the table: means and standard deviations in per cent with the paper's figures, commands and origins.

    Records of other commands than those of the table are ignored; of several records of a draw, the last one is used.
    """
    valid = [r for r in records if any(is_record_of(r, cell, r["draw"]) for cell in table.cells)]
    current = list({(position(r), r["draw"]): r for r in valid}.values())
    lines = [f"# {table.title}", "", table.about, "", *_grid(table.cells, current, table.metric)]
    lines += [
        "", f"{_METRICS[table.metric]} on the {_SPLITS[table.split]} images in per cent: mean +- standard deviation "
        "over the label draws, with the paper's figure in brackets.", "",
    ]  # fmt: skip
    for name in table.also:
        own = [cell._replace(paper=None) for cell in table.cells]
        lines += [*_grid(own, current, name), "", f"{_METRICS[name]}, in per cent.", ""]
    lines += ["| row | command | seconds per run |", "|---|---|---|"]
    for cell in table.cells:
        seconds = [r["seconds"] for r in current if position(r) == (cell.row, cell.column)]
        if seconds:
            lines.append(f"| {cell.row}, {cell.column} | `{cell.command()}` | {mean(seconds):.0f} |")
    lines += ["", *_origins(current)]
    return "\n".join(lines) + "\n"


def _grid(cells: Sequence[Cell], records: list[Record], metric: str) -> list[str]:
    """Return the rows and columns of one metric."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    lines = ["| | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in dict.fromkeys(cell.row for cell in cells):
        own = {cell.column: cell for cell in cells if cell.row == row}
        lines.append(f"| {row} | " + " | ".join(_figure(own.get(c), records, metric) for c in columns) + " |")
    return lines


def _figure(cell: Cell | None, records: list[Record], metric: str) -> str:
    """Return the text of one cell."""
    if cell is None:
        return ""
    paper = f" ({cell.paper:g})" if cell.paper is not None else ""
    values = [100 * r[metric] for r in records if position(r) == (cell.row, cell.column)]
    if not values:
        return f"–{paper}"
    if len(values) == 1:
        return f"{values[0]:.1f}, one draw{paper}"
    return f"{mean(values):.1f} +- {stdev(values):.1f}{paper}"


def _origins(records: list[Record]) -> list[str]:
    """Return commits, versions and hardware of the figures."""
    kinds = ("commit", "fewlabels", "torch", "hardware", "threads")
    return [f"{kind}: {', '.join(dict.fromkeys(str(r[kind]) for r in records))}  " for kind in kinds if records]
