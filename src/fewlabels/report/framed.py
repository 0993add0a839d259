"""An image on the page under its boxes: lines over the picture, told apart by colour and by their dashes."""

from collections.abc import Sequence
from typing import NamedTuple

from fewlabels.report.boxing import Corners
from fewlabels.report.markup import esc

STYLES = ("true", "model", "pseudo", "region")
"""How a box may be drawn, by what it is; ``boxes.css`` has the colours, and beside each its dashes. Red is the true
box, blue the model's, yellow the pseudo box (LCHP, Fig. 2 and 3); its green, the first stage's, is drawn nowhere."""


class Drawn(NamedTuple):
    """A box to draw."""

    style: str
    """One of ``STYLES``."""
    corners: Corners


def framed(image: str, boxes: Sequence[Drawn], described: str, caption: str, wrong: bool) -> str:
    """A picture under its boxes, the first lowest, with what it shows for who can't see it, and a line beneath.

    Every line has a dark edge, so that it is seen on any picture; the edges lie below all lines.
    """
    paths = [(_path(one.corners), one.style) for one in boxes]
    edges = "".join(f'<path class="edge" d="{path}"/>' for path, _ in paths)
    lines = "".join(f'<path class="box-{style}" d="{path}"/>' for path, style in paths)
    return (
        f'<figure class="framed{" wrong" if wrong else ""}"><svg viewBox="-2 -2 104 104" role="img" '
        f'aria-label="{esc(described)}"><title>{esc(described)}</title>'
        f'<image href="{esc(image)}" width="100" height="100" preserveAspectRatio="none"/>{edges}{lines}</svg>'
        f"<figcaption>{esc(caption)}</figcaption></figure>"
    )


def _path(corners: Corners) -> str:
    """Also a box without area leaves a mark."""
    x0, y0, x1, y1 = (f"{100 * value:.2f}" for value in corners)
    return f"M{x0} {y0}H{x1}V{y1}H{x0}Z"


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """A sample of each style of line with what it stands for."""
    items = "".join(
        f'<li><svg viewBox="0 0 44 12" aria-hidden="true"><path class="edge" d="M2 6H42"/>'
        f'<path class="box-{style}" d="M2 6H42"/></svg>{esc(words)}</li>'
        for style, words in entries
    )
    return f'<ul class="boxes-key">{items}</ul>' if items else ""
