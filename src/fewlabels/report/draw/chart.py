"""The parts that all charts have: ticks, axes, and the figure around a drawing. Readable at a width of 360 pixels."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 360
LEFT, RIGHT, TOP, PLOT = 46, 8, 10, 170
"""Margins of a plot and its height, in pixels."""
COLOURS = 7
"""Number of --series-N colours in the page's CSS; further series are dashed."""
CHARACTER = 6.3
"""Approximate width of a character, in pixels."""


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return about ``most`` round numbers that enclose ``low``..``high``, 1, 2 or 5 times a power of ten apart."""
    if high <= low:
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [index * step for index in range(first, last + 1)]


def short(value: float) -> str:
    """Return a number in few characters: 0.25, 1,500, 12.5k, 1.235M."""
    if abs(value) >= 1_000_000:
        return f"{value / 1_000_000:.4g}M"
    if abs(value) >= 10_000:
        return f"{value / 1000:.4g}k"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.3g}"


def whole_percent(share: float) -> str:
    """Return a tick of a share: 85 %, or 85.5 % where ticks are that close."""
    return f"{round(100 * share, 1):g} %"


def cut(text: str, most: int) -> str:
    """Cut a text to at most ``most`` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


@dataclass(frozen=True)
class Frame:
    """The axes of a plot: where a number is drawn."""

    x_ticks: list[float]
    y_ticks: list[float]
    x_high: float

    def x(self, value: float) -> float:
        span = (self.x_high - self.x_ticks[0]) or 1
        return LEFT + (WIDTH - LEFT - RIGHT) * (value - self.x_ticks[0]) / span

    def y(self, value: float) -> float:
        return TOP + PLOT * (1 - (value - self.y_ticks[0]) / (self.y_ticks[-1] - self.y_ticks[0]))


def axes(frame: Frame, x_label: str, y_format: Callable[[float], str]) -> Iterator[str]:
    """Draw faint horizontal lines with their values, the x values, and the name of x."""
    for tick in frame.y_ticks:
        y = frame.y(tick)
        yield f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">{escape(y_format(tick))}</text>'
    bottom = TOP + PLOT
    for tick in frame.x_ticks:
        if tick <= frame.x_high:
            anchor = "end" if frame.x(tick) > WIDTH - RIGHT - 12 else "middle"
            yield f'<text x="{frame.x(tick):.1f}" y="{bottom + 15}" text-anchor="{anchor}">{short(tick)}</text>'
    yield f'<text x="{WIDTH - RIGHT}" y="{bottom + 30}" text-anchor="end">{escape(x_label)}</text>'


def colour(number: int) -> str:
    """Return the attribute that gives an element the colour of a series."""
    return f'style="--c:var(--series-{number % COLOURS})"'


def figure(title: str, description: str, height: float, drawing: str) -> Markup:
    """Put a drawing under its title.

    Args:
        title: above the chart.
        description: of the chart, for readers who can't see it.
        height: of the drawing, in pixels.
        drawing: SVG elements; all text in them must be escaped.
    """
    return Markup(
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height:.0f}" '
        f'role="img" aria-label="{escape(description)}">{drawing}</svg></figure>'
    )
