"""What a report of task ``classify`` stores: the confusion matrix, images, features, maps, perturbed images."""

from dataclasses import dataclass, field

from fewlabels.report.content.example import Example
from fewlabels.report.content.features import Embedding
from fewlabels.report.draw.thumbnail import check_thumbnail
from fewlabels.report.summary import Content


@dataclass(frozen=True)
class Mapped:
    """An image and where in it the network looks."""

    example: Example
    overlay: str
    """The image under its heat map, by :func:`fewlabels.report.draw.heat.overlay`."""
    shows: str
    """What is bright, for the reader: "evidence for the predicted class"."""

    def __post_init__(self) -> None:
        check_thumbnail(self.overlay)


@dataclass(frozen=True)
class Perturbed:
    """An image before and after a small change that is meant to change the prediction."""

    before: Example
    after: Example
    """The perturbed image and the prediction for it."""
    length: float
    """Euclidean length of the perturbation, in normalised pixels."""


@dataclass(frozen=True)
class ClassifyContent(Content):
    """The content of a run with one class per image; what is empty is left out of the page."""

    label_counts: dict[str, int] = field(default_factory=dict)
    """Given labels per class."""
    pseudo_counts: dict[str, int] = field(default_factory=dict)
    """Accepted labels of unlabelled images per class."""
    confusion: list[list[int]] | None = None
    """(K, K) counts of the test images, rows are the true classes."""
    most_confident: dict[str, list[Example]] = field(default_factory=dict)
    """Unlabelled images by predicted class."""
    least_confident: dict[str, list[Example]] = field(default_factory=dict)
    doubted: list[Example] = field(default_factory=list)
    """Images whose given label differs from the prediction."""
    pool_includes_labelled: bool | None = None
    """Whether the labelled images are in the unlabelled pool too."""
    embedding: Embedding | None = None
    maps: list[Mapped] = field(default_factory=list)
    perturbed: list[Perturbed] = field(default_factory=list)

    def check(self, classes: list[str]) -> None:
        """Raise ValueError if matrix or features do not belong to these classes."""
        if self.confusion is not None and [len(row) for row in self.confusion] != [len(classes)] * len(classes):
            raise ValueError("the confusion matrix must have a row and a column per class")
        if self.embedding is not None and any(point.label >= len(classes) for point in self.embedding.points):
            raise ValueError("the class of a point must be one of the classes")
