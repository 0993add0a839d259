"""Histograms of values from 0 to 1."""

from collections.abc import Sequence

from markupsafe import Markup, escape

from fewlabels.report.draw.chart import PLOT, TOP, Frame, axes, colour, figure, nice_ticks, short, whole_percent
from fewlabels.report.words import percent, plural

_TICKS = [0.0, 0.25, 0.5, 0.75, 1.0]
_INCORRECT, _CORRECT = 4, 0
"""Colours of the page's series."""


def probability_histogram(title: str, counts: Sequence[int], series: int, one: str = "mark") -> Markup:
    """Draw a bar per bin of probability, its height the share of all; return empty text if all counts are 0.

    Args:
        title: above the chart, followed by the total count.
        counts: of an even number of bins of equal width from 0 to 1.
        series: number of the colour.
        one: what is counted, in the singular.
    """
    total = sum(counts)
    if not total:
        return Markup()
    frame, bars = _bars(counts, one)
    likely = percent(share_of_upper_half(counts), 0)
    description = f"{title}: {plural(total, one)}, {likely} of them with a probability of 0.5 or more"
    axis = "".join(axes(frame, "probability", whole_percent))
    drawing = f"{axis}<g {colour(series)}>{''.join(bars)}</g>"
    return figure(f"{title} ({total:,})", description, TOP + PLOT + 36, drawing)


def iou_histogram(counts: Sequence[int], images: str) -> Markup:
    """Draw a bar per bin of IoU, and a line at 0.5, from which on a box is correct; return empty text if all are 0.

    Args:
        counts: of an even number of bins of equal width from 0 to 1.
        images: which images were counted, in the plural.
    """
    total = sum(counts)
    if not total:
        return Markup()
    frame, bars = _bars(counts, "image")
    half = len(counts) // 2
    drawn = (f"<g {colour(_CORRECT if bin >= half else _INCORRECT)}>{bar}</g>" for bin, bar in enumerate(bars))
    x, share = frame.x(0.5), percent(share_of_upper_half(counts))
    line = (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 6}" y2="{TOP + PLOT}" stroke="var(--ink)" stroke-dasharray="4 3"/>'
        f'<text x="{x + 5:.1f}" y="{TOP + 4}" class="key">correct: {share}</text>'
        f'<text x="{x - 5:.1f}" y="{TOP + 4}" class="key" text-anchor="end">incorrect</text>'
    )
    description = f"IoU of {plural(total, 'box', 'boxes')}: {share} of them 0.5 or more"
    axis = "".join(axes(frame, "IoU with the nearest true box", whole_percent))
    return figure(f"IoU on {short(total)} {images}", description, TOP + PLOT + 36, axis + "".join(drawn) + line)


def share_of_upper_half(counts: Sequence[int]) -> float:
    """Return the share of values of 0.5 or more: of IoUs, this is GT-Known."""
    return sum(counts[len(counts) // 2 :]) / sum(counts)


def _bars(counts: Sequence[int], one: str) -> tuple[Frame, list[str]]:
    """Return the axes and one bar for each count, empty text where it is 0."""
    shares = [count / sum(counts) for count in counts]
    frame = Frame(_TICKS, nice_ticks(0, max(shares)), 1.0)
    return frame, [_bar(frame, shares, bin, count, one) if count else "" for bin, count in enumerate(counts)]


def _bar(frame: Frame, shares: Sequence[float], bin: int, count: int, one: str) -> str:
    left, right = frame.x(bin / len(shares)), frame.x((bin + 1) / len(shares))
    top, bottom = frame.y(shares[bin]), frame.y(0)
    tip = f"{bin / len(shares):.2f} to {(bin + 1) / len(shares):.2f}: {plural(count, one)}"
    return (
        f'<rect class="bar" x="{left + 0.7:.1f}" y="{top:.1f}" width="{right - left - 1.4:.1f}" '
        f'height="{bottom - top:.1f}"><title>{escape(tip)}</title></rect>'
    )
