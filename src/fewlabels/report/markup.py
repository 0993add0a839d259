"""The few pieces of HTML that everything on the page is made of. All text passes through :func:`esc`."""

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

NBSP = "\u00a0"


class Html(str):
    """Markup that is already safe; any other string is text and gets escaped."""


def esc(text: object) -> str:
    """Text as HTML, for elements and quoted attributes."""
    return text if isinstance(text, Html) else escape(str(text), quote=True)


def percent(share: float, digits: int = 1) -> str:
    """0.973 as '97.3 %'; never rounded to 100 or to 0 when it is neither."""
    rounded = round(100 * share, digits)
    smallest = 10**-digits
    if rounded >= 100 and share < 1:
        return f"> {100 - smallest:.{digits}f}{NBSP}%"
    if rounded <= 0 < share:
        return f"< {smallest:.{digits}f}{NBSP}%"
    return f"{rounded:.{digits}f}{NBSP}%"


def interval(figures: dict[str, Any]) -> str:
    """'97.0–97.6 %' from ``accuracy_low`` and ``accuracy_high``, or nothing when they are absent."""
    low, high = figures.get("accuracy_low"), figures.get("accuracy_high")
    return "" if low is None or high is None else f"{100 * low:.1f}–{percent(high)}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """'1 image', '2,000 images'."""
    return f"{count:,}{NBSP}{one if count == 1 else many or one + 's'}"


def format_duration(seconds: float) -> str:
    """In the largest fitting unit."""
    if seconds < 90:
        return f"{seconds:.0f}{NBSP}s"
    return f"{seconds / 60:.0f}{NBSP}min" if seconds < 5400 else f"{seconds / 3600:.1f}{NBSP}h"


class Table(NamedTuple):
    """A table whose first column names the rows."""

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[object]]

    def html(self, kind: str = "") -> str:
        """In a frame that scrolls sideways on a small screen, by keyboard too."""
        head = "".join(f'<th scope="col">{esc(cell)}</th>' for cell in self.header)
        body = "".join(
            f'<tr><th scope="row">{esc(row[0])}</th>' + "".join(f"<td>{esc(cell)}</td>" for cell in row[1:]) + "</tr>"
            for row in self.rows
        )
        return scrolling(
            self.caption,
            f'<table class="{kind}"><caption>{esc(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>",
        )


def scrolling(label: str, body: str) -> str:
    """A frame for what may be wider than the screen."""
    return f'<div class="scroll" role="region" aria-label="{esc(label)}" tabindex="0">{body}</div>'


def section(title: str, body: str, level: int, lead: str = "") -> str:
    """A part of the page under its heading; nothing at all when it has no content."""
    if not body:
        return ""
    opening = f'<p class="lead">{esc(lead)}</p>' if lead else ""
    return f"<section><h{level}>{esc(title)}</h{level}>{opening}{body}</section>"


def details(summary: str, body: str) -> str:
    """A part that is folded away until it is asked for."""
    return f"<details><summary>{esc(summary)}</summary>{body}</details>"
