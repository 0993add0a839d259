"""Features of some images in the plane."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from fewlabels.report.content.blocks import Section, charts
from fewlabels.report.draw.scatter import Point, scatter


@dataclass(frozen=True)
class Embedding:
    """Pooled features of some images, projected to the plane by t-SNE."""

    images: str
    """Which images, for the reader: "test images"."""
    colours: str
    """What the classes are: "true class"."""
    points: list[Point]

    def __post_init__(self) -> None:
        for point in self.points:
            if not (0 <= point.x <= 1 and 0 <= point.y <= 1 and point.label >= 0):
                raise ValueError("the coordinates of a point must be from 0 to 1 and its class an index")


def features_section(embeddings: Sequence[tuple[str, Embedding, Sequence[str]]]) -> Section:
    """Return a scatter plot for each (title, embedding, classes); the title may be empty."""
    shown = [one for one in embeddings if one[1].points]
    drawn = [_plot(title, embedding, classes) for title, embedding, classes in shown]
    block = charts(*drawn)
    if block is None:
        return Section("", [])
    lead = (
        f"Each point is an image, coloured by its {shown[0][1].colours}. t-SNE places images with similar features "
        "close to each other; distances between far groups mean little."
    )
    return Section("Feature space (t-SNE)", [block], lead)


def _plot(title: str, embedding: Embedding, classes: Sequence[str]) -> Markup:
    count = f"{len(embedding.points):,} {embedding.images}"
    return scatter(title or count, f"{title or 'Features'}: {count} by {embedding.colours}", embedding.points, classes)
