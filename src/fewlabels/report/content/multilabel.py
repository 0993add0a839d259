"""What a report of task ``multilabel`` stores: counts and figures per class, probabilities, maps, marks to review."""

from dataclasses import dataclass, field
from typing import NamedTuple

from fewlabels.report.content.example import Example
from fewlabels.report.draw.thumbnail import check_thumbnail
from fewlabels.report.summary import Content

BINS = 20
"""Bins of a histogram of probabilities, all of the same width."""


class MarkCounts(NamedTuple):
    """Marks of the training images, over all classes."""

    present: int
    absent: int
    unknown: int

    @property
    def known(self) -> int:
        return self.present + self.absent


class ClassPrecision(NamedTuple):
    """The average precision of one class."""

    average: float | None
    """From 0 to 1; None if no image is known to show the class."""
    positives: int
    """Images that are known to show the class."""
    known: int
    """Images whose mark of the class is known."""

    @property
    def chance(self) -> float:
        """The approximate average precision of a random ranking: the share of positives."""
        return self.positives / max(self.known, 1)


@dataclass(frozen=True)
class Histogram:
    """The predicted probabilities of some marks."""

    marks: str
    """Which marks, for the reader: "Unknown marks"."""
    counts: list[int]
    """``BINS`` counts, from probability 0 to 1."""

    def __post_init__(self) -> None:
        if len(self.counts) != BINS or min(self.counts) < 0:
            raise ValueError(f"a histogram must have {BINS} counts of 0 or more")


@dataclass(frozen=True)
class ClassMap:
    """Where in an image there is evidence for one class."""

    name: str
    probability: float
    right: bool | None
    """Whether the class is present exactly if its probability is 0.5 or more; None where the truth is not known."""
    overlay: str
    """The image under its heat map, by :func:`fewlabels.report.draw.heat.overlay`."""

    def __post_init__(self) -> None:
        check_thumbnail(self.overlay)


@dataclass(frozen=True)
class ClassMapped:
    """An image with the maps of its most probable classes."""

    path: str
    image: str
    truth: list[str] | None
    """The classes that the image is known to show; None where none of its marks is known."""
    maps: list[ClassMap]

    def __post_init__(self) -> None:
        check_thumbnail(self.image)


@dataclass(frozen=True)
class MultilabelContent(Content):
    """The content of a run with several labels per image; what is empty is left out of the page."""

    given: MarkCounts
    """Marks that training used."""
    label_counts: dict[str, int] = field(default_factory=dict)
    """Marks given as present, per class."""
    pseudo_counts: dict[str, int] = field(default_factory=dict)
    """Unknown marks accepted as present, per class."""
    accepted_absent: int = 0
    """Unknown marks accepted as absent, over all classes."""
    judged_by: str = ""
    """Which images ``precisions`` are of, for the reader: "test images"."""
    precisions: list[ClassPrecision] = field(default_factory=list)
    """One per class, or none."""
    histograms: list[Histogram] = field(default_factory=list)
    maps: list[ClassMapped] = field(default_factory=list)
    present: dict[str, list[Example]] = field(default_factory=dict)
    """Per class, unknown marks with the highest probability of being present."""
    absent: dict[str, list[Example]] = field(default_factory=dict)
    """Per class, unknown marks with the highest probability of being absent."""
    doubted: list[Example] = field(default_factory=list)
    """Given marks that differ from the prediction."""

    def check(self, classes: list[str]) -> None:
        """Raise ValueError if the average precisions do not belong to these classes."""
        if len(self.precisions) not in (0, len(classes)):
            raise ValueError("there must be one average precision per class")
        if any(one.average is not None and not 0 <= one.average <= 1 for one in self.precisions):
            raise ValueError("an average precision must be from 0 to 1")

    @property
    def accepted_present(self) -> int:
        """Unknown marks accepted as present, over all classes."""
        return sum(self.pseudo_counts.values())
