"""Points in the plane, coloured by class."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from fewlabels.report.draw.chart import CHARACTER, WIDTH, cut, figure
from fewlabels.report.words import plural

COLOURS = 7
"""Number of --class-N colours in the page's CSS; classes with the same colour differ in shape."""
SHAPES = (
    "m-2.8,0a2.8,2.8 0 1,0 5.6,0a2.8,2.8 0 1,0 -5.6,0z",
    "m0,-3.6l3.4,6h-6.8z",
    "m-2.6,-2.6h5.2v5.2h-5.2z",
    "m0,-3.7l3.7,3.7l-3.7,3.7l-3.7,-3.7z",
)
"""Circle, triangle, square and diamond around a point."""
_CROSS = "m-3.6,-3.6l7.2,7.2m0,-7.2l-7.2,7.2"
_MARGIN = 8
_MOST_NAMED = 20


class Point(NamedTuple):
    """One image in the plane."""

    x: float
    """From 0 to 1, like y."""
    y: float
    label: int
    """Index of the class that colours the point."""
    right: bool | None
    """Whether the model predicts the true class; None where the truth is not known."""


def scatter(title: str, description: str, points: Sequence[Point], classes: Sequence[str]) -> Markup:
    """Draw a shape per point in its class's colour, a cross on each misclassified one, and a legend.

    Args:
        title: above the chart.
        description: of the points, for readers who can't see them.
        points: at least one.
        classes: the names that the points' labels are indices of.
    """
    present = sorted({point.label for point in points})
    drawing = "".join(_class(points, k, classes[k]) for k in present)
    wrong = [point for point in points if point.right is False]
    drawing += f'<path class="cross" d="{"".join(_at(point, _CROSS) for point in wrong)}"/>' if wrong else ""
    legend, height = _legend(present, classes, len(wrong))
    if any(point.right is not None for point in points):
        description += f", {len(wrong):,} of them misclassified"
    return figure(title, description, height, drawing + legend)


def _at(point: Point, shape: str) -> str:
    side = WIDTH - 2 * _MARGIN
    return f"M{_MARGIN + side * point.x:.1f},{_MARGIN + side * (1 - point.y):.1f}{shape}"


def _style(k: int) -> str:
    return f'class="point" style="--c:var(--class-{k % COLOURS})"'


def _shape(k: int) -> str:
    return SHAPES[k // COLOURS % len(SHAPES)]


def _class(points: Sequence[Point], k: int, name: str) -> str:
    """Draw all points of one class as one path."""
    path = "".join(_at(point, _shape(k)) for point in points if point.label == k)
    return f'<path {_style(k)} d="{path}"><title>{escape(name)}</title></path>'


def _legend(present: Sequence[int], classes: Sequence[str], wrong: int) -> tuple[str, float]:
    """Draw at most 20 classes, in as many rows as needed, and the cross; also return the height."""
    keys = [(f'<path {_style(k)} d="M%s{_shape(k)}"/>', cut(classes[k], 20)) for k in present[:_MOST_NAMED]]
    rest = len(present) - len(keys)
    if rest:
        keys.append(("", f"and {plural(rest, 'more class', 'more classes')}"))
    if wrong:
        keys.append((f'<path class="cross" d="M%s{_CROSS}"/>', f"misclassified  {wrong:,}"))
    x, y, pieces = float(_MARGIN), float(WIDTH + 12), []
    for mark, name in keys:
        width = 14 + CHARACTER * len(name)
        if x > _MARGIN and x + width > WIDTH:
            x, y = float(_MARGIN), y + 17
        pieces.append(mark % f"{x + 4:.0f},{y - 4:.0f}" if mark else "")
        pieces.append(f'<text x="{x + 12:.0f}" y="{y:.0f}" class="key">{escape(name)}</text>')
        x += width + 12
    return "".join(pieces), y + 8
