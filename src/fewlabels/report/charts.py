"""Charts as SVG text: pure functions of numbers, coloured by the page's CSS, readable at 360 pixels."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from fewlabels.report.markup import esc, percent, plural

WIDTH = 360
LEFT, RIGHT, TOP, PLOT = 46, 8, 10, 170
COLOURS = 7
"""How many --series-N colours the page's CSS has; further series are dashed."""
CHARACTER = 6.3
"""Width of one, about."""
_MOST_DOTS = 40


@dataclass(frozen=True)
class Series:
    """One line: (x, y) in order of x; y is None (or not finite) where nothing was measured, and the line breaks."""

    name: str
    points: Sequence[tuple[float, float | None]]
    colour: int
    """Which of the page's series colours; from :data:`COLOURS` on they repeat, dashed."""

    def parts(self) -> list[list[tuple[float, float]]]:
        """The unbroken stretches of the line."""
        parts: list[list[tuple[float, float]]] = [[]]
        for x, y in self.points:
            if y is not None and math.isfinite(y):
                parts[-1].append((x, y))
            elif parts[-1]:
                parts.append([])
        return [part for part in parts if part]

    def style(self) -> str:
        dash = ' stroke-dasharray="5 3"' if self.colour >= COLOURS else ""
        return f'style="--c:var(--series-{self.colour % COLOURS})"{dash}'


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart), about ``most`` of them, that enclose ``low``..``high``."""
    if high <= low:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def short(value: float) -> str:
    """A number in few characters: 0.25, 1,500, 12.5k, 1.235M."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:.4g}M"
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def whole_percent(share: float) -> str:
    """A tick of a share: 85 %, or 85.5 % where ticks are that close."""
    return f"{round(100 * share, 1):g} %"


def cut(text: str, most: int) -> str:
    """Text in at most so many characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass(frozen=True)
class Frame:
    """The mapping from numbers to places in the plot."""

    x_ticks: list[float]
    y_ticks: list[float]
    x_high: float

    def x(self, value: float) -> float:
        span = (self.x_high - self.x_ticks[0]) or 1
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x_ticks[0]) / span

    def y(self, value: float) -> float:
        return TOP + PLOT * (1 - (value - self.y_ticks[0]) / (self.y_ticks[-1] - self.y_ticks[0]))


def axes(frame: Frame, x_label: str, y_format: Callable[[float], str]) -> Iterator[str]:
    """Faint horizontal lines with their values, the x values, and the name of x."""
    for tick in frame.y_ticks:
        y = frame.y(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{esc(y_format(tick))}</text>'
    bottom = TOP + PLOT
    for tick in frame.x_ticks:
        if tick <= frame.x_high:
            anchor = "end" if frame.x(tick) > WIDTH - RIGHT - 12 else "middle"
            yield f'<text x="{frame.x(tick):.1f}" y="{bottom + 15}" text-anchor="{anchor}">{short(tick)}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{bottom + 30}" text-anchor="end">{esc(x_label)}</text>'


def _line(series: Series, frame: Frame, tip: Callable[[float, float], str]) -> Iterator[str]:
    """The stretches of one line; dots only where they are few, or where a value stands alone."""
    parts, colour = series.parts(), f"--c:var(--series-{series.colour % COLOURS})"
    few = sum(map(len, parts)) <= _MOST_DOTS
    for part in parts:
        if len(part) > 1:
            path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in part)
            yield f'<polyline class="line" points="{path}" {series.style()}/>'
        for x, y in part if few or len(part) == 1 else ():
            place = f'cx="{frame.x(x):.1f}" cy="{frame.y(y):.1f}" r="2.2"'
            yield f'<circle class="dot" {place} style="{colour}"><title>{esc(tip(x, y))}</title></circle>'


def _legend(series: Sequence[Series], y: float, value_format: Callable[[float], str]) -> tuple[str, float]:
    """Name and last value of each line, in as many rows as needed; also the height this takes."""
    x, pieces = float(LEFT), []
    for one in series:
        text = f"{cut(one.name, 36)}  {value_format(one.parts()[-1][-1][1])}"
        width = 24 + CHARACTER * len(text)
        if x > LEFT and x + width > WIDTH:
            x, y = float(LEFT), y + 17
        pieces.append(
            f'<line class="line" x1="{x:.0f}" x2="{x + 14:.0f}" y1="{y - 4:.0f}" y2="{y - 4:.0f}" {one.style()}/>'
        )
        pieces.append(f'<text x="{x + 19:.0f}" y="{y:.0f}" class="key">{esc(text)}</text>')
        x += width + 8
    return "".join(pieces), y


def _frame(series: Sequence[Series], shares: bool, bounds: Sequence[float]) -> Frame:
    """Axes that hold all values and reach the bounds; those of shares end at 0 and 100 %."""
    points = [point for one in series for part in one.parts() for point in part]
    xs, ys = [x for x, _ in points], [*(y for _, y in points), *bounds]
    y_ticks = nice_ticks(min(ys), max(ys))
    if shares:
        y_ticks = [tick for tick in y_ticks if -1e-9 <= tick <= 1 + 1e-9]
    return Frame(nice_ticks(min(xs), max(xs)) if max(xs) > min(xs) else [min(xs)], y_ticks, max(xs))


def figure(title: str, description: str, height: float, drawing: str) -> str:
    """A drawing under its title; the description is for who can't see it."""
    return (
        f'<figure class="chart"><figcaption>{esc(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height:.0f}" '
        f'role="img" aria-label="{esc(description)}">{drawing}</svg></figure>'
    )


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "step",
    shares: bool = False,
    bounds: tuple[float | None, float | None] = (None, None),
) -> str:
    """A figure with one line per series; empty text when there is nothing to draw.

    Args:
        title: stands above the chart and names what y is.
        series: those without any value are left out.
        x_label: what x counts.
        shares: y is from 0 to 1 and shown in percent.
        bounds: what y must reach down and up to; otherwise the data decide.
    """
    series = [one for one in series if one.parts()]
    if not series:
        return ""
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


class Bar(NamedTuple):
    """One row of a figure of bars."""

    name: str
    share: float
    """Of the longest that a bar may be, from 0 to 1."""
    text: str
    """At its end."""


def bar_chart(title: str, rows: Sequence[Bar], colour: int = 0, more: str = "") -> str:
    """A figure with one horizontal bar per row, and what is to be said of further ones; empty text without a row."""
    if not rows:
        return ""
    names = [cut(row.name, 20) for row in rows]
    left = 8 + CHARACTER * max(3, *map(len, names))
    longest, height = WIDTH - left - 14 - CHARACTER * max(6, *(len(row.text) for row in rows)), 20
    pieces = []
    for index, (name, row) in enumerate(zip(names, rows, strict=True)):
        y, length = index * height, longest * row.share
        pieces.append(f'<text x="{left - 6:.0f}" y="{y + 14}" text-anchor="end" class="key">{esc(name)}</text>')
        pieces.append(f'<rect class="bar" x="{left:.0f}" y="{y + 4}" width="{length:.1f}" height="13" rx="2"/>')
        pieces.append(f'<text x="{left + length + 5:.1f}" y="{y + 14}">{esc(row.text)}</text>')
    if more:
        pieces.append(f'<text x="{left:.0f}" y="{len(rows) * height + 16}" class="key">{esc(more)}</text>')
    text = ", ".join(
        [*(f"{name} {row.text}" for name, row in zip(names, rows, strict=True)), *([more] if more else [])]
    )
    drawing = f'<g style="--c:var(--series-{colour % COLOURS})">{"".join(pieces)}</g>'
    return figure(title, f"{title}: {text}", (len(rows) + bool(more)) * height + 4, drawing)


def bars(title: str, counts: dict[str, int], colour: int = 0, most: int = 30) -> str:
    """A figure with one bar per name; the rows after ``most`` are summed up in words."""
    largest, rest = max([*counts.values(), 1]), list(counts.values())[most:]
    rows = [Bar(name, count / largest, short(count)) for name, count in list(counts.items())[:most]]
    more = (
        f"… and {plural(len(rest), 'more class', 'more classes')}, {min(rest):,} to {max(rest):,} each" if rest else ""
    )
    return bar_chart(title, rows, colour, more)
