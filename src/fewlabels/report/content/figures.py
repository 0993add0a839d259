"""The figures of metrics.json, and tables of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from fewlabels.report.content.blocks import Table
from fewlabels.report.words import NBSP, interval, percent

Figures = Mapping[str, Any]
"""The figures of one split, by name."""
MISSING = "–"
FIGURES_CAPTION = "Figures and the images they were measured on"


@dataclass(frozen=True)
class Figure:
    """A figure and how the page shows it."""

    key: str
    """In metrics.json."""
    name: str
    """In tables and charts."""
    form: Callable[[float], str] = percent
    higher_is_better: bool = True
    title: str = ""
    """In the headline, where that is longer than the name."""

    @property
    def headline(self) -> str:
        """The name of the figure at the beginning of a sentence."""
        name = self.title or self.name
        return name[:1].upper() + name[1:]

    @property
    def is_share(self) -> bool:
        """Whether the figure is from 0 to 1 and shown in percent."""
        return self.form is percent

    def shown(self, figures: Figures) -> str | None:
        """Return the figure as text; None if it is missing."""
        value = figures.get(self.key)
        return self.form(value) if isinstance(value, (int, float)) else None


@dataclass(frozen=True)
class AccuracyInterval(Figure):
    """The 95 % interval of the accuracy."""

    def shown(self, figures: Figures) -> str | None:
        return interval(figures) or None


ACCURACY = Figure("accuracy", "accuracy")
ACCURACY_INTERVAL = AccuracyInterval("accuracy_low", f"95{NBSP}% interval")


class Evidence(NamedTuple):
    """The images that a run is evaluated on, and its figures on them."""

    split: str
    """test, val or cross_fit."""
    images: str
    """In words: test images."""
    figures: Figures

    def counted(self, key: str = "num_images") -> str:
        """Return the number of the images and what they are: '449 test images'."""
        count = self.figures.get(key)
        return f"{count:,} {self.images}" if count else self.images


def figures_table(
    caption: str,
    metrics: Mapping[str, Figures],
    splits: Mapping[str, str],
    figures: Sequence[Figure],
    counted: tuple[str, str] = ("images", "num_images"),
) -> Table | None:
    """Return a row for each split that has the first figure, a column for each figure that any of them has.

    Args:
        caption: of the table.
        metrics: the figures of each split.
        splits: names of the splits to show, with their titles.
        figures: the columns.
        counted: title and key of the column with the number of images.
    """
    found = {name: metrics[name] for name in splits if figures[0].shown(metrics.get(name) or {}) is not None}
    if not found:
        return None
    columns = [one for one in figures if any(one.shown(row) is not None for row in found.values())]
    title, key = counted
    rows = [
        [splits[name], f"{row[key]:,}" if row.get(key) else MISSING, *(one.shown(row) or MISSING for one in columns)]
        for name, row in found.items()
    ]
    return Table(caption, ["evaluated on", title, *(one.name for one in columns)], rows, "figures")
