"""What the page tells of a run with boxes besides what it tells of any, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fewlabels.report.example import Example, read_example
from fewlabels.report.thumbnail import check_thumbnail

BINS = 20
"""Of the histogram of IoUs, all of one width."""

Corners = tuple[float, float, float, float]
"""x0, y0, x1, y1 as fractions of the upright image."""


@dataclass(frozen=True)
class Boxed:
    """An image with its boxes."""

    example: Example
    box: Corners
    """The model's."""
    pseudo: Corners | None = None
    """The one that the method would teach itself, where a rule says it."""
    true: list[Corners] = field(default_factory=list)
    """Of test and validation images alone."""
    iou: float | None = None
    """Of the model's box with the true box that it meets best; None without one."""
    overlay: str | None = None
    """The image under its heat map, by :func:`fewlabels.report.heat.overlay`."""
    region: Corners | None = None
    """Around what of that map lies above the threshold."""

    def __post_init__(self) -> None:
        if self.overlay is not None:
            check_thumbnail(self.overlay)


@dataclass(frozen=True)
class Boxing:
    """All of it; what is absent is left out of the page."""

    kind: str
    """Which images ``images`` and ``ious`` are of, for the reader: "test images"."""
    images: list[Boxed] = field(default_factory=list)
    """A few, the same for every run on the data."""
    unsure: list[Boxed] = field(default_factory=list)
    """The training images of lowest confidence."""
    ious: list[int] = field(default_factory=list)
    """How many of the images with a class and a true box have an IoU in each of ``BINS`` bins from 0 to 1; or none."""
    centred: float | None = None
    """The GT-Known of one box for all of them: the centre, 80 % of each side."""
    shows: str = ""
    """What is bright in the heat maps, for the reader: "evidence for the class"."""
    threshold: float | None = None
    """Of the heat maps, where boxes come from one."""


def read_boxing(data: Any) -> Boxing | None:
    """The inverse of ``asdict``; None of None, as on pages of other tasks and on older ones.

    Raises KeyError, TypeError or ValueError on anything of another shape.
    """
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise TypeError("what there is to tell of boxes must be a mapping")
    ious = [int(count) for count in data.get("ious") or []]
    if len(ious) not in (0, BINS) or min(ious, default=0) < 0:
        raise ValueError(f"a histogram has {BINS} counts")
    return Boxing(
        kind=str(data["kind"]),
        images=[_boxed(row) for row in data.get("images") or []],
        unsure=[_boxed(row) for row in data.get("unsure") or []],
        ious=ious,
        centred=_share(data.get("centred")),
        shows=str(data.get("shows") or ""),
        threshold=_share(data.get("threshold")),
    )


def _boxed(row: Any) -> Boxed:
    pseudo, overlay, region = row["pseudo"], row["overlay"], row["region"]
    return Boxed(
        example=read_example(row["example"]),
        box=_corners(row["box"]),
        pseudo=None if pseudo is None else _corners(pseudo),
        true=[_corners(one) for one in row["true"]],
        iou=_share(row["iou"]),
        overlay=None if overlay is None else str(overlay),
        region=None if region is None else _corners(region),
    )


def _corners(row: Any) -> Corners:
    x0, y0, x1, y1 = (float(value) for value in row)
    if not (0 <= x0 <= x1 <= 1 and 0 <= y0 <= y1 <= 1):
        raise ValueError("a box lies in its image")
    return x0, y0, x1, y1


def _share(value: Any) -> float | None:
    if value is None:
        return None
    if not 0 <= (share := float(value)) <= 1:
        raise ValueError("a share lies from 0 to 1")
    return share
