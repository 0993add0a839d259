"""Line charts."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from fewlabels.report.draw.chart import (
    CHARACTER,
    COLOURS,
    LEFT,
    PLOT,
    TOP,
    WIDTH,
    Frame,
    axes,
    colour,
    cut,
    figure,
    nice_ticks,
    short,
    whole_percent,
)
from fewlabels.report.words import percent

_MOST_DOTS = 40


@dataclass(frozen=True)
class Series:
    """One line."""

    name: str
    points: Sequence[tuple[float, float | None]]
    """(x, y) in order of x; y is None (or not finite) where nothing was measured: the line has a gap there."""
    colour: int
    """Which of the page's series colours; from :data:`COLOURS` on they repeat, dashed."""

    def parts(self) -> list[list[tuple[float, float]]]:
        """Split the line at its gaps."""
        parts: list[list[tuple[float, float]]] = [[]]
        for x, y in self.points:
            if y is not None and math.isfinite(y):
                parts[-1].append((x, y))
            elif parts[-1]:
                parts.append([])
        return [part for part in parts if part]

    def style(self) -> str:
        dash = ' stroke-dasharray="5 3"' if self.colour >= COLOURS else ""
        return colour(self.colour) + dash


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "step",
    shares: bool = False,
    bounds: tuple[float | None, float | None] = (None, None),
) -> Markup:
    """Draw one line per series; return empty text if there is nothing to draw.

    Args:
        title: above the chart; names what y is.
        series: those without any value are left out.
        x_label: what x counts.
        shares: y is from 0 to 1 and shown in percent.
        bounds: values that the y axis must include; otherwise the data decide.
    """
    series = [one for one in series if one.parts()]
    if not series:
        return Markup()
    frame = _frame(series, shares, [bound for bound in bounds if bound is not None])
    tick_format, value_format = (whole_percent, percent) if shares else (short, short)
    legend, bottom = _legend(series, TOP + PLOT + 50, value_format)
    lines = "".join(
        piece
        for one in series
        for piece in _line(one, frame, lambda x, y, name=one.name: f"{name}, {x_label} {x:,.0f}: {value_format(y)}")
    )
    summary = "; ".join(
        f"{one.name} from {value_format(one.parts()[0][0][1])} to {value_format(one.parts()[-1][-1][1])}"
        for one in series
    )
    drawing = "".join(axes(frame, x_label, tick_format)) + lines + legend
    return figure(title, f"{title}: {summary}", bottom + 8, drawing)


def _frame(series: Sequence[Series], shares: bool, bounds: Sequence[float]) -> Frame:
    """Return axes that include all values and the bounds; those of shares end at 0 and 100 %."""
    points = [point for one in series for part in one.parts() for point in part]
    xs, ys = [x for x, _ in points], [*(y for _, y in points), *bounds]
    y_ticks = nice_ticks(min(ys), max(ys))
    if shares:
        y_ticks = [tick for tick in y_ticks if -1e-9 <= tick <= 1 + 1e-9]
    return Frame(nice_ticks(min(xs), max(xs)) if max(xs) > min(xs) else [min(xs)], y_ticks, max(xs))


def _line(series: Series, frame: Frame, tip: Callable[[float, float], str]) -> Iterator[str]:
    """Draw the parts of one line; dots only where there are few, or where a value has no neighbour."""
    parts = series.parts()
    few = sum(map(len, parts)) <= _MOST_DOTS
    for part in parts:
        if len(part) > 1:
            path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in part)
            yield f'<polyline class="line" points="{path}" {series.style()}/>'
        for x, y in part if few or len(part) == 1 else ():
            place = f'cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.2"'
            yield f'<circle class="dot" {place} {colour(series.colour)}><title>{escape(tip(x, y))}</title></circle>'


def _legend(series: Sequence[Series], y: float, value_format: Callable[[float], str]) -> tuple[str, float]:
    """Draw name and last value of each line, in as many rows as needed; also return where the last row is."""
    x, pieces = float(LEFT), []
    for one in series:
        text = f"{cut(one.name, 36)}  {value_format(one.parts()[-1][-1][1])}"
        width = 24 + CHARACTER * len(text)
        if x > LEFT and x + width > WIDTH:
            x, y = float(LEFT), y + 17
        pieces.append(
            f'<line class="line" x1="{x:.0f}" x2="{x + 14:.0f}" y1="{y - 4:.0f}" y2="{y - 4:.0f}" {one.style()}/>'
        )
        pieces.append(f'<text x="{x + 19:.0f}" y="{y:.0f}" class="key">{escape(text)}</text>')
        x += width + 8
    return "".join(pieces), y
