"""How well the boxes meet the true ones, as SVG text."""

from collections.abc import Sequence

from fewlabels.report.charts import PLOT, TOP, Frame, axes, figure, nice_ticks, short, whole_percent
from fewlabels.report.histogram import _bar
from fewlabels.report.markup import percent, plural

_TICKS = [0.0, 0.25, 0.5, 0.75, 1.0]
_WRONG, _RIGHT = 4, 0
"""Colours of the page's series."""


def share_right(counts: Sequence[int]) -> float:
    """GT-Known: the share of an IoU of 0.5 or more, of counts in bins from 0 to 1."""
    return sum(counts[len(counts) // 2 :]) / sum(counts)


def iou_histogram(counts: Sequence[int], kind: str) -> str:
    """A figure with a bar per bin of IoU, a line where a box becomes right; empty text without any image.

    Args:
        counts: an even number of bins of equal width from 0 to 1.
        kind: of what images, in the plural.
    """
    total = sum(counts)
    if not total:
        return ""
    shares = [count / total for count in counts]
    frame = Frame(_TICKS, nice_ticks(0, max(shares)), 1.0)
    half = len(counts) // 2
    bars = "".join(
        f'<g style="--c:var(--series-{_RIGHT if place >= half else _WRONG})">'
        f"{_bar(frame, shares, place, count, 'image')}</g>"
        for place, count in enumerate(counts)
        if count
    )
    x, right = frame.x(0.5), percent(share_right(counts))
    line = (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{TOP + PLOT}" stroke="var(--ink)" stroke-dasharray="4 3"/>'
        f'<text x="{x + 5:.1f}" y="{TOP + 4}" class="key">right: {right}</text>'
        f'<text x="{x - 5:.1f}" y="{TOP + 4}" class="key" text-anchor="end">wrong</text>'
    )
    described = f"IoU of {plural(total, 'box', 'boxes')}: {right} of them 0.5 or more"
    axis = "".join(axes(frame, "IoU with the nearest true box", whole_percent))
    return figure(f"IoU on {short(total)} {kind}", described, TOP + PLOT + 36, axis + bars + line)
