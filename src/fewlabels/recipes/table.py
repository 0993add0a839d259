"""What a table is: cells, each a training run whose figure stands beside the paper's."""

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
"""The file of a run folder that another run can begin from."""


class Cell(NamedTuple):
    """One row and column of a table: a training run, repeated over label draws."""

    row: str
    column: str
    options: TrainOptions
    """All but the seed and the run folder."""
    paper: float | None = None
    """The paper's figure in per cent; None where it has none for this cell."""
    start: TrainOptions | None = None
    """A run before it, of the same draw, whose model it begins from."""

    def command(self) -> str:
        """What is typed to run it; ROOT stands for where the data lie, DRAW for the seed, START for the first run."""
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
        """A value as a shell takes it; one that lies below an absolute root is named from there."""
        path, root = Path(str(value)), Path(self.options.root)
        inside = path.is_absolute() and path.is_relative_to(root)
        return quote((Path("ROOT") / path.relative_to(root)).as_posix() if inside else str(value))


class PaperTable(NamedTuple):
    """A table of a paper, as far as we run it."""

    title: str
    """Paper and number of the table."""
    about: str
    """What the figures are, and in what our runs differ from the paper's."""
    cells: tuple[Cell, ...]
    draws: int = 3
    """Label draws; seed and label seed are 0, 1, ..."""
    metric: Metric = "accuracy"
    """What the table shows."""
    split: Literal["test", "val"] = "test"
    """Of which images: some data sets keep the labels of their test images."""
    also: tuple[Metric, ...] = ()
    """Further figures of the same runs, each in a table of its own beneath, without the paper's."""


def grid(
    rows: Mapping[str, Mapping[str, Any]],
    columns: Mapping[str, Mapping[str, Any]],
    paper: Mapping[str, tuple[float | None, ...]],
    start: Mapping[str, Any] | None = None,
    **shared: Any,
) -> tuple[Cell, ...]:
    """Every row with every column.

    Args:
        rows: per row the options that it sets; ``parameters`` of rows and columns are merged.
        columns: the same for columns.
        paper: per row the paper's figures, in the order of the columns.
        start: each cell begins from the model of a run of its own, in which these options differ from the cell's.
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
    """The options of all parts, the last one's where they differ."""
    parameters = {k: v for part in parts for k, v in dict(part.get("parameters", {})).items()}
    options: dict[str, Any] = {k: v for part in parts for k, v in part.items()}
    return TrainOptions(**{**options, "parameters": parameters})


@cache
def table_names() -> tuple[str, ...]:
    """The tables there are: a file in this folder that defines ``table``, read without importing torch."""
    files = sorted(Path(__file__).parent.glob("[a-z]*.py"))
    return tuple(file.stem.replace("_", "-") for file in files if "\ndef table(" in file.read_text(encoding="utf-8"))


def load_table(name: str, root: Path) -> PaperTable:
    """The table of that name for data under ``root``; an unknown name is a :class:`UserError`."""
    if name not in table_names():
        raise UserError(f"there is no table '{name}'; {nearest(name, table_names())}")
    make: Callable[[Path], PaperTable] = import_module(f"fewlabels.recipes.{name.replace('-', '_')}").table
    return make(root.absolute())
