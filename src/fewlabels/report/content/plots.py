"""Plots of history.csv: which columns a task shows, of one run and of several."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from fewlabels.report.draw.lines import Series, line_chart

HistoryRow = dict[str, float | None]
SHARES = (None, 1.0)
"""Bounds of the y axis of a share: 1 at the top."""


class Curve(NamedTuple):
    """A column of history.csv."""

    column: str
    name: str
    """In the legend."""
    colour: int
    title: str
    """Of the chart that compares several runs."""


class Plot(NamedTuple):
    """Curves in one chart."""

    title: str
    curves: Sequence[Curve]
    shares: bool = True
    """The values are from 0 to 1 and shown in percent."""
    bounds: tuple[float | None, float | None] = SHARES

    def drawn(self, history: Sequence[HistoryRow]) -> Markup:
        """Draw the curves of one run; empty text if no column has a value."""
        series = [Series(curve.name, points(history, curve.column), curve.colour) for curve in self.curves]
        return line_chart(self.title, series, shares=self.shares, bounds=self.bounds)


LOSS = Plot("Loss", [Curve("loss", "loss", 0, "Loss")], shares=False, bounds=(0, None))


def evaluation_plot(title: str, key: str, shares: bool = True) -> Plot:
    """Return the plot of a figure on test and validation images, ``test_KEY`` and ``val_KEY``.

    Args:
        title: name of the figure.
        key: of the figure, in the columns of history.csv.
        shares: the figure is from 0 to 1.
    """
    curves = [
        Curve(f"test_{key}", "test", 0, f"{title} on the test images"),
        Curve(f"val_{key}", "validation", 3, f"{title} on the validation images"),
    ]
    return Plot(title, curves, shares, SHARES if shares else (None, None))


def points(history: Sequence[HistoryRow], column: str) -> list[tuple[float, float | None]]:
    """Return (step, value) of one column; rows without a step are left out."""
    return [(step, row.get(column)) for row in history if (step := row.get("step")) is not None]


def has_values(history: Sequence[HistoryRow], curve: Curve) -> bool:
    """Return whether any row has a value in the column of the curve."""
    return any(row.get(curve.column) is not None for row in history)


def loss_chart(history: Sequence[HistoryRow]) -> Markup:
    """Draw the loss and, if there are several, its terms."""
    terms = sorted({column for row in history for column in row if column.startswith("loss/")})
    curves = list(LOSS.curves)
    if len(terms) > 1:
        curves += [Curve(name, name.removeprefix("loss/"), k, "") for k, name in enumerate(terms, 1)]
    return LOSS._replace(curves=curves).drawn(history)
