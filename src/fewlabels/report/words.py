"""Numbers and lists as text."""

from collections.abc import Mapping, Sequence
from typing import Any

NBSP = "\u00a0"
MOST_LISTED = 5


def percent(share: float, digits: int = 1) -> str:
    """Return 0.973 as '97.3 %'; a share is rounded to 100 or to 0 only if it is 1 or 0."""
    rounded = round(100 * share, digits)
    smallest = 10**-digits
    if rounded >= 100 and share < 1:
        return f"> {100 - smallest:.{digits}f}{NBSP}%"
    if rounded <= 0 < share:
        return f"< {smallest:.{digits}f}{NBSP}%"
    return f"{rounded:.{digits}f}{NBSP}%"


def interval(figures: Mapping[str, Any]) -> str:
    """Return '97.0–97.6 %' from ``accuracy_low`` and ``accuracy_high``; empty text if they are missing."""
    low, high = figures.get("accuracy_low"), figures.get("accuracy_high")
    return "" if low is None or high is None else f"{100 * low:.1f}–{percent(high)}"


def three_digits(value: float) -> str:
    """Return a number with three digits after the point."""
    return f"{value:.3f}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return '1 image' or '2,000 images'."""
    return f"{count:,}{NBSP}{one if count == 1 else many or one + 's'}"


def format_duration(seconds: float) -> str:
    """Return a duration in seconds, minutes or hours."""
    if seconds < 90:
        return f"{seconds:.0f}{NBSP}s"
    return f"{seconds / 60:.0f}{NBSP}min" if seconds < 5400 else f"{seconds / 3600:.1f}{NBSP}h"


def listed(names: Sequence[str]) -> str:
    """Return 'a', 'b' in quotes, and the number of further names after the first five."""
    shown = ", ".join(f"'{name}'" for name in names[:MOST_LISTED])
    return shown if len(names) <= MOST_LISTED else f"{shown} and {len(names) - MOST_LISTED:,} more"
