"""The blocks that a page is made of, as data; ``templates/blocks/`` has a template for each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from markupsafe import Markup

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions of the upright image."""


class Block:
    """A part of a page. All text is escaped by the template; only charts are markup."""

    template: ClassVar[str]
    """File in ``templates/blocks/``."""


TableCell = str | Block


@dataclass(frozen=True)
class Section:
    """Blocks under a heading; a section without blocks is left out of the page."""

    title: str
    blocks: Sequence[Block]
    lead: str = ""
    """A paragraph under the heading."""


@dataclass(frozen=True)
class Paragraph(Block):
    """One paragraph of text."""

    template = "paragraph.html"
    text: str
    style: str = ""
    """CSS class."""


@dataclass(frozen=True)
class Facts(Block):
    """Pairs of a name and a value."""

    template = "facts.html"
    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table(Block):
    """A table whose first column names the rows."""

    template = "table.html"
    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[TableCell]]
    style: str = ""
    """CSS class."""


@dataclass(frozen=True)
class Link(Block):
    """A link to a place in the page."""

    template = "link.html"
    text: str
    anchor: str


@dataclass(frozen=True)
class Code(Block):
    """Text in a fixed-width font."""

    template = "code.html"
    text: str


@dataclass(frozen=True)
class Charts(Block):
    """Charts side by side."""

    template = "charts.html"
    charts: Sequence[Markup]


@dataclass(frozen=True)
class Folded(Block):
    """Blocks that are hidden until the reader opens them."""

    template = "folded.html"
    summary: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Picture(Block):
    """An image with a line of text under it."""

    template = "picture.html"
    image: str
    """A PNG data URI."""
    description: str
    """For readers who can't see the image."""
    caption: str
    wrong: bool = False
    """Draw a frame around the image: the model is known to be wrong about it."""


@dataclass(frozen=True)
class Outline:
    """A box to draw on an image."""

    style: str
    """true, model, pseudo, region or other: the CSS has a colour and a dash pattern for each."""
    corners: Corners

    @property
    def path(self) -> str:
        """The box as an SVG path in an image of 100 by 100; a box without area is visible too."""
        x0, y0, x1, y1 = (f"{100 * value:.2f}" for value in self.corners)
        return f"M{x0} {y0}H{x1}V{y1}H{x0}Z"


@dataclass(frozen=True)
class BoxedPicture(Picture):
    """An image with boxes drawn on it, the first at the bottom.

    Every line has a dark edge, so that it is visible on any image; the edges are below all lines.
    """

    template = "boxed_picture.html"
    outlines: Sequence[Outline] = ()


@dataclass(frozen=True)
class LegendEntry:
    """A style of outline and its meaning."""

    style: str
    meaning: str


@dataclass(frozen=True)
class Legend(Block):
    """A sample of each style of outline with its meaning."""

    template = "legend.html"
    entries: Sequence[LegendEntry]


@dataclass(frozen=True)
class Group(Block):
    """Blocks in one element."""

    template = "group.html"
    blocks: Sequence[Block]
    style: str
    """CSS class."""


@dataclass(frozen=True)
class Gallery(Block):
    """A list whose items are a few pictures each."""

    template = "gallery.html"
    items: Sequence[Sequence[Block]]
    style: str
    """CSS classes."""


@dataclass(frozen=True)
class Strip:
    """Pictures in a row under a title."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class ClassStrips(Block):
    """Strips of pictures for each class."""

    template = "class_strips.html"
    classes: Sequence[tuple[str, Sequence[Strip]]]


@dataclass(frozen=True)
class Card:
    """An image next to what was given and what the model predicts."""

    image: str
    description: str
    given: str
    predicted: str
    confidence: str
    truth: str | None
    path: str


@dataclass(frozen=True)
class Cards(Block):
    """A list of cards."""

    template = "cards.html"
    cards: Sequence[Card]


@dataclass(frozen=True)
class HeatCell:
    """One count of a confusion matrix."""

    count: int
    style: str
    """CSS classes."""
    strength: float
    """Of the colour, from 0 to 1."""


@dataclass(frozen=True)
class HeatTable(Block):
    """A confusion matrix as a table."""

    template = "heat_table.html"
    caption: str
    classes: Sequence[str]
    rows: Sequence[tuple[str, Sequence[HeatCell], str]] = field(default=())
    """True class, counts, and recall as text."""


def filled(*blocks: Block | None) -> list[Block]:
    """Return the blocks that are not None."""
    return [block for block in blocks if block is not None]


def charts(*drawn: Markup) -> Charts | None:
    """Return the charts that are not empty; None if all are."""
    found = [chart for chart in drawn if chart]
    return Charts(found) if found else None
