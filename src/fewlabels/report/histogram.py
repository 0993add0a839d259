"""A histogram of probabilities as SVG text."""

from collections.abc import Sequence

from fewlabels.report.charts import COLOURS, PLOT, TOP, Frame, axes, figure, nice_ticks, whole_percent
from fewlabels.report.markup import esc, percent, plural

_TICKS = [0.0, 0.25, 0.5, 0.75, 1.0]


def histogram(title: str, counts: Sequence[int], colour: int, one: str = "mark") -> str:
    """A figure with an upright bar per bin of probability, its height the share of all; empty text without any.

    Args:
        title: stands above the chart, followed by how many there are.
        counts: of bins of equal width from 0 to 1.
        colour: which of the page's series colours.
        one: what is counted, in the singular.
    """
    total = sum(counts)
    if not total:
        return ""
    shares = [count / total for count in counts]
    frame = Frame(_TICKS, nice_ticks(0, max(shares)), 1.0)
    bars = "".join(_bar(frame, shares, place, count, one) for place, count in enumerate(counts) if count)
    drawing = f'<g style="--c:var(--series-{colour % COLOURS})">{bars}</g>'
    likely = percent(sum(counts[len(counts) // 2 :]) / total, 0)
    described = f"{title}: {plural(total, one)}, {likely} of them with a probability of 0.5 or more"
    axis = "".join(axes(frame, "probability", whole_percent))
    return figure(f"{title} ({total:,})", described, TOP + PLOT + 36, axis + drawing)


def _bar(frame: Frame, shares: Sequence[float], place: int, count: int, one: str) -> str:
    left, right = frame.x(place / len(shares)), frame.x((place + 1) / len(shares))
    top, bottom = frame.y(shares[place]), frame.y(0)
    tip = f"{place / len(shares):.2f} to {(place + 1) / len(shares):.2f}: {plural(count, one)}"
    return (
        f'<rect class="bar" x="{left + 0.7:.1f}" y="{top:.1f}" width="{right - left - 1.4:.1f}" '
        f'height="{bottom - top:.1f}"><title>{esc(tip)}</title></rect>'
    )
