"""Tables: each cell is a training run, with the paper's figure for comparison."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from shlex import quote
from typing import Any, Literal, NamedTuple

from fewlabels.errors import UserError, nearest
from fewlabels.options import TrainOptions, flag

Metric = Literal["accuracy", "mAP", "gt_known", "top1_loc"]
MODEL = "model.safetensors"
"""The file of a run folder from which another run can start."""


class Cell(NamedTuple):
    """A cell of a table: a training run, repeated over label draws."""

    row: str
    column: str
    options: TrainOptions
    """All options except the seed and the run folder."""
    paper: float | None = None
    """The paper's figure in per cent; None if it has none for this cell."""
    start: TrainOptions | None = None
    """Options of a first run of the same draw; the cell starts from its model."""

    def command(self) -> str:
        """Return the command; ROOT stands for the directory of the data, DRAW for the seed, START for the first run."""
        if self.start is None:
            return self._command(self.options)
        return f"{self._command(self.start)} --out START; {self._command(self.options)} --weights START/{MODEL}"

    def _command(self, options: TrainOptions) -> str:
        words = ["fewlabels train", self._typed(options.data)]
        defaults = TrainOptions()
        for f in fields(TrainOptions):
            value = getattr(options, f.name)
            if f.name in ("data", "parameters", "root", "out") or value == getattr(defaults, f.name):
                continue
            name = flag(f.name)
            words.append(
                name if value is True else f"--no-{name[2:]}" if value is False else f"{name} {self._typed(value)}"
            )
        words += [f"--method.{name} {self._typed(value)}" for name, value in options.parameters.items()]
        return " ".join([*words, "--root ROOT --seed DRAW"])

    def _typed(self, value: Any) -> str:
        """Quote a value for a shell; a path below an absolute root is written relative to ROOT."""
        path, root = Path(str(value)), Path(self.options.root)
        inside = path.is_absolute() and path.is_relative_to(root)
        return quote((Path("ROOT") / path.relative_to(root)).as_posix() if inside else str(value))


class PaperTable(NamedTuple):
    """A table of a paper, or the part of it that we run."""

    title: str
    """Title: paper and number of the table."""
    about: str
    """Description of the runs and their differences from the paper's."""
    cells: tuple[Cell, ...]
    draws: int = 3
    """Number of label draws; seed and label seed are 0, 1, ..."""
    metric: Metric = "accuracy"
    """The metric of the table."""
    split: Literal["test", "val"] = "test"
    """The images of the metric: some data sets do not publish the labels of their test images."""
    also: tuple[Metric, ...] = ()
    """Further metrics of the same runs, in separate tables without the paper's figures."""


def grid(
    rows: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, Any]],
    paper: Mapping[str, tuple[float | None, ...]],
    start: Mapping[str, Any] | None = None,
    **shared: Any,
) -> tuple[Cell, ...]:
    """Combine every row with every column.

    Args:
        rows: options of each row; ``parameters`` of rows and columns are merged.
        columns: options of each column; those of the row take precedence.
        paper: the paper's figures of a row, in the order of the columns.
        start: if not None, each cell starts from the model of a first run, whose options are the cell's with these
            changes.
        shared: options of all cells.
    """
    cells = []
    for row, row_options in rows.items():
        for number, (column, column_options) in enumerate(columns.items()):
            parts = (shared, column_options, row_options)
            figure = paper[row][number] if row in paper else None
            first = None if start is None else _merged(*parts, start)
            cells.append(Cell(row, column, _merged(*parts), figure, first))
    return tuple(cells)


def _merged(*parts: Mapping[str, Any]) -> TrainOptions:
    """Merge the options of all parts; later parts take precedence."""
    parameters = {k: v for part in parts for k, v in dict(part.get("parameters", {})).items()}
    options: dict[str, Any] = {k: v for part in parts for k, v in part.items()}
    return TrainOptions(**{**options, "parameters": parameters})


@cache
def table_names() -> tuple[str, ...]:
    """List the tables: the modules of this package that define ``table``, found without importing torch."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(file.stem.replace("_", "-") for file in files if "\ndef table(" in file.read_text(encoding="utf-8"))


def load_table(name: str, root: Path) -> PaperTable:
    """Return the table of that name for data in ``root``; raise UserError for an unknown name."""
    if name not in table_names():
        raise UserError(f"there is no table '{name}'; {nearest(name, table_names())}")
    make: Callable[[Path], PaperTable] = import_module(f"fewlabels.recipes.{name.replace('-', '_')}").table
    return make(root.absolute())
