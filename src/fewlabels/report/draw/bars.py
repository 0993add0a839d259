"""Charts of horizontal bars."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from fewlabels.report.draw.chart import CHARACTER, WIDTH, colour, cut, figure, short
from fewlabels.report.words import plural

_ROW = 20
"""Height of a row, in pixels."""


class Bar(NamedTuple):
    """One row of a chart of bars."""

    name: str
    share: float
    """Length, from 0 to 1, of the longest possible bar."""
    text: str
    """Shown at the end of the bar."""


def bar_chart(title: str, rows: Sequence[Bar], series: int = 0, more: str = "") -> Markup:
    """Draw one horizontal bar per row; return empty text without a row.

    Args:
        title: above the chart.
        rows: from top to bottom.
        series: number of the colour.
        more: a line of text about rows that are not drawn.
    """
    if not rows:
        return Markup()
    names = [cut(row.name, 20) for row in rows]
    left = 8 + CHARACTER * max(3, *map(len, names))
    longest = WIDTH - left - 14 - CHARACTER * max(6, *(len(row.text) for row in rows))
    pieces = []
    for index, (name, row) in enumerate(zip(names, rows, strict=True)):
        y, length = index * _ROW, longest * row.share
        pieces.append(f'<text x="{left - 6:.0f}" y="{y + 14}" text-anchor="end" class="key">{escape(name)}</text>')
        pieces.append(f'<rect class="bar" x="{left:.0f}" y="{y + 4}" width="{length:.1f}" height="13" rx="2"/>')
        pieces.append(f'<text x="{left + length + 5:.1f}" y="{y + 14}">{escape(row.text)}</text>')
    if more:
        pieces.append(f'<text x="{left:.0f}" y="{len(rows) * _ROW + 16}" class="key">{escape(more)}</text>')
    text = [f"{name} {row.text}" for name, row in zip(names, rows, strict=True)] + ([more] if more else [])
    drawing = f"<g {colour(series)}>{''.join(pieces)}</g>"
    return figure(title, f"{title}: {', '.join(text)}", (len(rows) + bool(more)) * _ROW + 4, drawing)


def count_bars(title: str, counts: Mapping[str, int], series: int = 0, most: int = 30) -> Markup:
    """Draw one bar per name; the names after the first ``most`` are summarised in words."""
    largest, rest = max([*counts.values(), 1]), list(counts.values())[most:]
    rows = [Bar(name, count / largest, short(count)) for name, count in list(counts.items())[:most]]
    more = (
        f"… and {plural(len(rest), 'more class', 'more classes')}, {min(rest):,} to {max(rest):,} each" if rest else ""
    )
    return bar_chart(title, rows, series, more)
