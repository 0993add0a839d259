"""One image on the page with what the model says of it."""

from dataclasses import dataclass
from typing import Any

from fewlabels.report.thumbnail import check_thumbnail


@dataclass(frozen=True)
class Example:
    """One image and what the model says of it."""

    path: str
    image: str
    """A PNG data URI as made by :func:`fewlabels.report.thumbnail.thumbnail`; anything else raises ValueError."""
    label: str
    """The model's class."""
    confidence: float
    """From 0 to 1."""
    given: str | None
    """The class the user gave, if any."""
    truth: str | None
    """The true class, where the data set knows it."""

    def __post_init__(self) -> None:
        check_thumbnail(self.image)


def read_example(row: Any) -> Example:
    """The inverse of ``asdict``. Raises KeyError, TypeError or ValueError on anything of another shape."""

    def optional(value: Any) -> str | None:
        return None if value is None else str(value)

    return Example(
        path=str(row["path"]),
        image=str(row["image"]),
        label=str(row["label"]),
        confidence=float(row["confidence"]),
        given=optional(row["given"]),
        truth=optional(row["truth"]),
    )
