"""The face of a task: what the report asks about a run, and the answers that fit most tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from markupsafe import Markup

from fewlabels.report.content.blocks import Block, LegendEntry, Section, filled
from fewlabels.report.content.features import Embedding
from fewlabels.report.content.figures import Evidence, Figure, Figures, figures_table
from fewlabels.report.content.plots import Curve, Plot, evaluation_plot
from fewlabels.report.summary import Content, RunSummary
from fewlabels.report.words import plural

C = TypeVar("C", bound=Content)


class ComparedImage(NamedTuple):
    """One image in a comparison of several runs."""

    path: str
    first: str | Block
    """In the first column: the image itself or its name."""
    shown: Sequence[Block]
    """In the column of the run."""


class ComparedImages(NamedTuple):
    """Images that several runs on the same data show."""

    rows: Sequence[ComparedImage]
    bright: str = ""
    """What is bright in heat maps."""
    legend: Sequence[LegendEntry] = ()


class Face(Generic[C]):
    """One run as its task presents it; the page asks the methods and knows no task.

    A task derives from it and sets ``figure``; everything else has a default.
    """

    figure: ClassVar[Figure]
    """The headline figure."""
    content: ClassVar[type[Content]] = Content
    """The class of ``run.own``, by which it is read back from a page."""
    splits: ClassVar[Mapping[str, str]] = {"test": "test images", "val": "validation images"}
    """Images that a run may be evaluated on, the best first, with their names on the page."""
    why_unknown: ClassVar[str] = "no test or validation image has a label"
    """Why a run has no headline figure."""

    def __init__(self, run: RunSummary) -> None:
        assert isinstance(run.own, self.content)
        self.run = run
        self.own = cast(C, run.own)

    @classmethod
    def verdict(cls, metrics: Mapping[str, Figures]) -> list[str]:
        """Return the lines that ``fewlabels train`` prints last, from the content of metrics.json."""
        figure = cls.figure
        return [
            f"{figure.name} {shown} on {row.get('num_images', 'all')} {name} images"
            for name in ("test", "val")
            if (shown := figure.shown(row := metrics.get(name) or {})) is not None
        ]

    # The sentences at the top.

    def headline_figure(self) -> Figure:
        """Return the figure that the page begins with and by which runs are compared."""
        return self.figure

    def evidence(self) -> Evidence | None:
        """Return the best images that have the headline figure."""
        return self.evidence_of(self.headline_figure())

    def evidence_of(self, figure: Figure) -> Evidence | None:
        """Return the best images that have this figure, in the order of ``splits``."""
        for split, images in self.splits.items():
            figures = self.run.metrics.get(split) or {}
            if figure.shown(figures) is not None:
                return Evidence(split, images, figures)
        return None

    def headline(self) -> str:
        """Return one sentence: the headline figure, and what it was measured on."""
        figure, evidence = self.headline_figure(), self.evidence()
        if evidence is None:
            return f"{figure.headline} unknown: {self.why_unknown}"
        return f"{figure.headline} {figure.shown(evidence.figures)} on {evidence.counted()}"

    def certainty(self) -> str:
        """Return the sentences under the headline: how exact the figure is, and what it means."""
        evidence = self.evidence()
        return VALIDATION_ONLY if evidence and evidence.split == "val" else ""

    def accepted(self) -> str:
        """Return a sentence about the labels that the method accepts; empty text if there is nothing to say."""
        return ""

    def limitations(self) -> Sequence[str | None]:
        """Return what the reader should be careful about, a sentence each; None is left out."""
        return []

    # Tables and charts.

    def compared_figures(self) -> Sequence[Figure]:
        """Return the columns of the comparison of several runs, the headline figure first."""
        return [self.headline_figure()]

    def figures(self) -> list[Block]:
        """Return the tables of all figures."""
        return filled(figures_table("All figures", self.run.metrics, self.splits, self.compared_figures()))

    def labels_given(self) -> str:
        """Return the number of labels that training used, with a unit."""
        count = (self.run.metrics.get("train") or {}).get("num_labels")
        return plural(count, "image") if isinstance(count, int) else ""

    def accepted_count(self) -> int | None:
        """Return how many labels the method accepts; None if it accepts none by design."""
        return None

    def facts(self) -> Mapping[str, str]:
        """Return what the task adds to the facts about the run, by name."""
        return {}

    def count_charts(self) -> Sequence[Markup]:
        """Return charts of label counts."""
        return []

    def plots(self) -> Sequence[Plot]:
        """Return the plots of history.csv besides the loss."""
        figure = self.figure
        return [evaluation_plot(figure.headline, figure.key, figure.is_share), PSEUDO_LABELS]

    def compared_curves(self) -> Sequence[tuple[Curve, bool]]:
        """Return the curves that are compared between runs, and whether each is a share."""
        return [(curve, plot.shares) for plot in self.plots() for curve in plot.curves]

    # What only this task shows.

    def parts(self) -> Sequence[Section]:
        """Return the sections between the training curves and the examples."""
        return []

    def examples(self) -> Sequence[Section]:
        """Return the sections with images to review."""
        return []

    def embedding(self) -> Embedding | None:
        """Return the features in the plane, to compare them with those of other runs."""
        return None

    def compared_images(self) -> ComparedImages | None:
        """Return the images to compare with those of other runs."""
        return None

    def setting(self, name: str) -> Any:
        """Return the first setting of this name, at any depth of the configuration; None if there is none."""
        return find_setting(self.run.config, name)


VALIDATION_ONLY = "There is no test split, and the validation images may have been used to choose settings."
PSEUDO_LABELS = Plot(
    "Pseudo-labels",
    [
        Curve("share_kept", "share kept", 1, "Share of pseudo-labels kept"),
        Curve("share_accepted", "share accepted", 4, "Share of unlabelled images with an accepted label"),
        Curve("pseudo_label_accuracy", "accuracy of the accepted", 2, "Accuracy of the accepted pseudo-labels"),
    ],
    bounds=(0, 1),
)
"""Columns of history.csv: the share of pseudo-labels that enter the loss, and the state of the unlabelled pool."""


def find_setting(config: Mapping[str, Any], name: str) -> Any:
    """Return the first value under this key in nested mappings, None if there is none."""
    for key, value in config.items():
        if key == name and not (isinstance(value, Mapping) and value):
            return value
        if isinstance(value, Mapping) and (found := find_setting(value, name)) is not None:
            return found
    return None
