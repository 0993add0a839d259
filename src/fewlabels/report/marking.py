"""What the page tells of a multi-label run besides what it tells of any, as data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fewlabels.report.example import Example, read_example
from fewlabels.report.thumbnail import check_thumbnail

BINS = 20
"""Of a histogram of probabilities, all of one width."""


class MarkCounts(NamedTuple):
    """Marks of the training images, over all classes."""

    present: int
    absent: int
    unknown: int

    @property
    def known(self) -> int:
        return self.present + self.absent


class Precision(NamedTuple):
    """How well one class is found."""

    average: float | None
    """Average precision, from 0 to 1; None where no image is known to show the class."""
    positives: int
    """Images that are known to show it."""
    known: int
    """Images that are known to show it or not to."""

    @property
    def chance(self) -> float:
        """The average precision of a ranking at random, about: the share of positives."""
        return self.positives / max(self.known, 1)


@dataclass(frozen=True)
class Histogram:
    """The model's probabilities of some marks."""

    marks: str
    """Which marks these are, for the reader: "Unknown marks"."""
    counts: list[int]
    """``BINS`` of them, from probability 0 to 1."""


@dataclass(frozen=True)
class ClassMap:
    """Where in an image one class is seen."""

    name: str
    probability: float
    right: bool | None
    """Is the class there just where its probability is 0.5 or more? None where the truth is not known."""
    overlay: str
    """The image under its heat map, by :func:`fewlabels.report.heat.overlay`."""

    def __post_init__(self) -> None:
        check_thumbnail(self.overlay)


@dataclass(frozen=True)
class ClassMapped:
    """An image with the maps of its most probable classes."""

    path: str
    image: str
    truth: list[str] | None
    """The classes that it is known to show; None where no mark of it is known."""
    maps: list[ClassMap]

    def __post_init__(self) -> None:
        check_thumbnail(self.image)


@dataclass(frozen=True)
class Marking:
    """All of it; what is absent is left out of the page."""

    given: MarkCounts
    """What training saw."""
    accepted_absent: int
    """Unknown marks that the method takes for absent; those it takes for present are the run's ``pseudo_counts``."""
    judged_by: str = ""
    """Which images ``precisions`` are of, for the reader: "test images"."""
    precisions: list[Precision] = field(default_factory=list)
    """One per class, or none."""
    histograms: list[Histogram] = field(default_factory=list)
    maps: list[ClassMapped] = field(default_factory=list)
    present: dict[str, list[Example]] = field(default_factory=dict)
    """Per class, unknown marks that the model is surest are present."""
    absent: dict[str, list[Example]] = field(default_factory=dict)
    """Per class, unknown marks that the model is surest are absent."""


def read_marking(data: Any, num_classes: int) -> Marking | None:
    """The inverse of ``asdict``; None of None, as on pages of other tasks and on older ones.

    Raises KeyError, TypeError or ValueError on anything of another shape.
    """
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise TypeError("what there is to tell of marks must be a mapping")
    precisions = [_precision(row) for row in data.get("precisions") or []]
    if len(precisions) not in (0, num_classes):
        raise ValueError("there is one average precision per class")
    return Marking(
        given=MarkCounts(*(int(count) for count in data["given"])),
        accepted_absent=int(data["accepted_absent"]),
        judged_by=str(data.get("judged_by") or ""),
        precisions=precisions,
        histograms=[_histogram(row) for row in data.get("histograms") or []],
        maps=[_class_mapped(row) for row in data.get("maps") or []],
        present=_by_class(data.get("present")),
        absent=_by_class(data.get("absent")),
    )


def _precision(row: Any) -> Precision:
    average, positives, known = row
    if average is not None and not 0 <= average <= 1:
        raise ValueError("an average precision lies from 0 to 1")
    return Precision(None if average is None else float(average), int(positives), int(known))


def _histogram(row: Any) -> Histogram:
    counts = [int(count) for count in row["counts"]]
    if len(counts) != BINS or min(counts) < 0:
        raise ValueError(f"a histogram has {BINS} counts")
    return Histogram(str(row["marks"]), counts)


def _class_mapped(row: Any) -> ClassMapped:
    truth, maps = row["truth"], [_class_map(one) for one in row["maps"]]
    return ClassMapped(
        str(row["path"]), str(row["image"]), None if truth is None else [str(name) for name in truth], maps
    )


def _class_map(row: Any) -> ClassMap:
    right = row["right"]
    return ClassMap(
        str(row["name"]), float(row["probability"]), None if right is None else bool(right), str(row["overlay"])
    )


def _by_class(data: Any) -> dict[str, list[Example]]:
    return {str(name): [read_example(row) for row in rows] for name, rows in dict(data or {}).items()}
