"""What a report of task ``localize`` stores: the content of ``classify``, and boxes."""

from dataclasses import dataclass, field

from fewlabels.report.content.blocks import Corners
from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.content.example import Example
from fewlabels.report.draw.thumbnail import check_thumbnail

BINS = 20
"""Bins of the histogram of IoUs, all of the same width."""


@dataclass(frozen=True)
class Boxed:
    """An image with its boxes."""

    example: Example
    box: Corners
    """The predicted box."""
    pseudo: Corners | None = None
    """The pseudo box that the method trains with, if its rule gives one."""
    true: list[Corners] = field(default_factory=list)
    """The true boxes; only of test and validation images."""
    iou: float | None = None
    """IoU of the predicted box and its nearest true box; None without a true box."""
    overlay: str | None = None
    """The image under its heat map, by :func:`fewlabels.report.draw.heat.overlay`."""
    region: Corners | None = None
    """Box around the part of that map above the threshold."""
    other: Corners | None = None
    """Box of a map that was not used, to compare."""

    def __post_init__(self) -> None:
        if self.overlay is not None:
            check_thumbnail(self.overlay)
        for box in (self.box, self.pseudo, self.region, self.other, *self.true):
            if box is not None:
                _check_box(box)
        _check_share(self.iou)


@dataclass(frozen=True)
class Boxing:
    """The boxes of a run; what is empty is left out of the page."""

    kind: str
    """Which images ``images`` and ``ious`` are of, for the reader: "test images"."""
    images: list[Boxed] = field(default_factory=list)
    """A few images, the same in every run on the data."""
    unsure: list[Boxed] = field(default_factory=list)
    """The training images of lowest confidence."""
    ious: list[int] = field(default_factory=list)
    """Images with a class and a true box by their IoU, in ``BINS`` bins from 0 to 1; or empty."""
    centred: float | None = None
    """GT-Known of the same box for all images: the centre, 80 % of each side."""
    shows: str = ""
    """What is bright in the heat maps, for the reader: "evidence for the class"."""
    threshold: float | None = None
    """Threshold of the heat maps, if boxes come from one."""
    other_map: str = ""
    """The map that ``Boxed.other`` comes from."""

    def __post_init__(self) -> None:
        if len(self.ious) not in (0, BINS) or min(self.ious, default=0) < 0:
            raise ValueError(f"a histogram must have {BINS} counts of 0 or more")
        _check_share(self.centred)
        _check_share(self.threshold)


@dataclass(frozen=True)
class LocalizeContent(ClassifyContent):
    """The content of a run with one class and one box per image."""

    boxing: Boxing | None = None


def _check_box(box: Corners) -> None:
    x0, y0, x1, y1 = box
    if not (0 <= x0 <= x1 <= 1 and 0 <= y0 <= y1 <= 1):
        raise ValueError("a box must be inside its image")


def _check_share(value: float | None) -> None:
    if value is not None and not 0 <= value <= 1:
        raise ValueError("a share must be from 0 to 1")
