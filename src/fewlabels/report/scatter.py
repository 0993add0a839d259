"""Points in the plane, coloured by class, as SVG text."""

from collections.abc import Sequence

from fewlabels.report.charts import CHARACTER, WIDTH, cut, figure
from fewlabels.report.looking import Embedding, Point
from fewlabels.report.markup import esc, plural

COLOURS = 7
"""How many --class-N colours the page's CSS has; classes that share one differ in shape."""
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


def scatter(title: str, embedding: Embedding, classes: Sequence[str]) -> str:
    """A figure with a shape per point in its class's colour, a cross on each that the model gets wrong, a legend.

    Args:
        title: stands above it.
        embedding: at least one point.
        classes: the names that the points' labels are indices of.
    """
    present = sorted({point.label for point in embedding.points})
    drawing = "".join(_class(embedding.points, k, classes[k]) for k in present)
    wrong = [point for point in embedding.points if point.right is False]
    drawing += f'<path class="cross" d="{"".join(_at(point, _CROSS) for point in wrong)}"/>' if wrong else ""
    legend, height = _legend(present, classes, len(wrong))
    text = f"{title}: {len(embedding.points):,} {embedding.images} by {embedding.colours}"
    text += f", {len(wrong):,} of them misclassified" if any(p.right is not None for p in embedding.points) else ""
    return figure(title, text, height, drawing + legend)


def _at(point: Point, shape: str) -> str:
    side = WIDTH - 2 * _MARGIN
    return f"M{_MARGIN + side * point.x:.1f},{_MARGIN + side * (1 - point.y):.1f}{shape}"


def _style(k: int) -> str:
    return f'class="point" style="--c:var(--class-{k % COLOURS})"'


def _shape(k: int) -> str:
    return SHAPES[k // COLOURS % len(SHAPES)]


def _class(points: Sequence[Point], k: int, name: str) -> str:
    """All points of one class as one path."""
    path = "".join(_at(point, _shape(k)) for point in points if point.label == k)
    return f'<path {_style(k)} d="{path}"><title>{esc(name)}</title></path>'


def _legend(present: Sequence[int], classes: Sequence[str], wrong: int) -> tuple[str, float]:
    """The classes in as many rows as needed, at most 20 of them, and the cross; also where it ends."""
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
        pieces.append(f'<text x="{x + 12:.0f}" y="{y:.0f}" class="key">{esc(name)}</text>')
        x += width + 12
    return "".join(pieces), y + 8
