"""What the page lets one look at, as data: the features in the plane, class activation maps, perturbed images."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fewlabels.report.example import Example, read_example
from fewlabels.report.thumbnail import check_thumbnail


class Point(NamedTuple):
    """One image's place among the others."""

    x: float
    """From 0 to 1, as is y."""
    y: float
    label: int
    """Index of the class that colours it."""
    right: bool | None
    """Does the model say the true class? None where the truth is not known."""


@dataclass(frozen=True)
class Embedding:
    """Pooled features of some images, brought into the plane by t-SNE."""

    images: str
    """Which images these are, for the reader: "test images"."""
    colours: str
    """What the classes are: "true class"."""
    points: list[Point]


@dataclass(frozen=True)
class Mapped:
    """An image and where in it the network looks."""

    example: Example
    overlay: str
    """The image under its heat map, by :func:`fewlabels.report.heat.overlay`."""
    shows: str
    """What is bright, for the reader: "evidence for the predicted class"."""

    def __post_init__(self) -> None:
        check_thumbnail(self.overlay)


@dataclass(frozen=True)
class Perturbed:
    """An image as it is and after a small change that is meant to change the answer."""

    before: Example
    after: Example
    """The same image perturbed: its picture, and what the model says of it."""
    length: float
    """Euclidean length of the perturbation, in pixels normalised as the network sees them."""


@dataclass(frozen=True)
class Looking:
    """All of it; what is absent is left out of the page."""

    embedding: Embedding | None = None
    maps: list[Mapped] = field(default_factory=list)
    perturbed: list[Perturbed] = field(default_factory=list)


def read_looking(data: Any, num_classes: int) -> Looking:
    """The inverse of ``asdict``; nothing is in the place of what is missing, as on pages made before there was any.

    Raises KeyError, TypeError or ValueError on anything of another shape.
    """
    if data is None:
        return Looking()
    if not isinstance(data, Mapping):
        raise TypeError("what there is to look at must be a mapping")
    embedding = data.get("embedding")
    return Looking(
        embedding=None if embedding is None else _embedding(embedding, num_classes),
        maps=[
            Mapped(read_example(row["example"]), str(row["overlay"]), str(row["shows"]))
            for row in data.get("maps") or []
        ],
        perturbed=[
            Perturbed(read_example(row["before"]), read_example(row["after"]), float(row["length"]))
            for row in data.get("perturbed") or []
        ],
    )


def _embedding(data: Any, num_classes: int) -> Embedding:
    return Embedding(str(data["images"]), str(data["colours"]), [_point(row, num_classes) for row in data["points"]])


def _point(row: Any, num_classes: int) -> Point:
    x, y, label, right = row
    if not (0 <= x <= 1 and 0 <= y <= 1 and label in range(num_classes)):
        raise ValueError("a point lies from 0 to 1 and has a class")
    return Point(float(x), float(y), int(label), None if right is None else bool(right))
