"""The face of task ``multilabel``."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from fewlabels.report.content.blocks import (
    Block,
    Folded,
    Gallery,
    Group,
    Paragraph,
    Picture,
    Section,
    Table,
    charts,
    filled,
)
from fewlabels.report.content.example import cards, class_strips
from fewlabels.report.content.figures import FIGURES_CAPTION, MISSING, Figure, figures_table
from fewlabels.report.content.multilabel import ClassMap, ClassMapped, ClassPrecision, Histogram, MultilabelContent
from fewlabels.report.content.multilabel_notes import limitations
from fewlabels.report.content.plots import Curve, Plot
from fewlabels.report.draw.bars import Bar, bar_chart, count_bars
from fewlabels.report.draw.chart import whole_percent
from fewlabels.report.draw.histogram import probability_histogram
from fewlabels.report.face import PSEUDO_LABELS, VALIDATION_ONLY, ComparedImage, ComparedImages, Face
from fewlabels.report.words import percent, plural

MAP = Figure("mAP", "mAP", title="Mean average precision")
_FIGURES = (MAP, Figure("mAP_voc", "mAP (VOC)"), *(Figure(key, key) for key in ("OP", "OR", "OF1", "CP", "CR", "CF1")))
_FIGURES_EXPLAINED = (
    "P is precision, R recall and F1 their harmonic mean, at a probability threshold of 0.5: O over all marks, C "
    "averaged over the classes. mAP (VOC) uses at each recall the highest precision at that recall or above."
)
_ACCEPTED = Curve("share_accepted", "share accepted", 4, "Share of unknown marks with an accepted prediction")
_MOST_BARS = 30
_COLOURS = (0, 1, 3, 2, 4)


class MultilabelFace(Face[MultilabelContent]):
    """A run with several labels per image."""

    figure = MAP
    content = MultilabelContent
    why_unknown = "no test or validation image is known to show a class"

    def certainty(self) -> str:
        """Return what the figure means, and precision and recall at a threshold of 0.5."""
        if not (evidence := self.evidence()):
            return "Reserve some images with marks of every class as a test split."
        figures = evidence.figures
        sentences = [
            "Average precision is measured on the images ranked by the predicted probability of a class, and averaged "
            "over the classes."
        ]
        if chances := [one.chance for one in self.own.precisions if one.positives]:
            sentences.append(f"A random ranking would reach about {percent(sum(chances) / len(chances), 0)}.")
        if figures.get("OR") == 0:
            sentences.append("At a probability threshold of 0.5, none of the present classes is predicted.")
        elif figures.get("OP") is not None and figures.get("OR") is not None:
            sentences.append(
                f"At a probability threshold of 0.5, {percent(figures['OP'])} of the predicted classes are present "
                f"(precision), and {percent(figures['OR'])} of the present classes are predicted (recall)."
            )
        return " ".join([*sentences, *([VALIDATION_ONLY] if evidence.split == "val" else [])])

    def accepted(self) -> str:
        """Return how many unknown marks have a prediction that the method accepts."""
        present, absent, unknown = self.own.accepted_present, self.own.accepted_absent, self.own.given.unknown
        if not unknown:
            return "All marks of the training images were given."
        return (
            f"The method accepts its prediction for {present + absent:,} of {plural(unknown, 'unknown mark')} of "
            f"training images ({percent((present + absent) / unknown)}): {present:,} present, {absent:,} absent."
        )

    def limitations(self) -> Sequence[str | None]:
        """Return notes on the given marks and on what could not be evaluated."""
        return limitations(self.own, self.run.classes)

    def figures(self) -> list[Block]:
        """Return one table and its explanation."""
        splits = {**self.splits, "unknown": "unknown marks of training images"}
        table = figures_table(FIGURES_CAPTION, self.run.metrics, splits, _FIGURES)
        return [table, Paragraph(_FIGURES_EXPLAINED)] if table else []

    def labels_given(self) -> str:
        """Return the number of given marks."""
        return plural(self.own.given.known, "mark")

    def accepted_count(self) -> int:
        """Return how many unknown marks have an accepted prediction."""
        return self.own.accepted_present + self.own.accepted_absent

    def facts(self) -> Mapping[str, str]:
        """Return how many marks were given, and the known proportion that was asked for."""
        given = self.own.given
        share = percent(given.known / total) if (total := given.known + given.unknown) else "none"
        facts = {
            "Marks": f"{given.present:,} present, {given.absent:,} absent ({share} known), {given.unknown:,} unknown"
        }
        if isinstance(asked := self.setting("known_proportion"), (int, float)):
            facts["Known proportion"] = f"{whole_percent(asked)} of the marks in the data, drawn at random"
        return facts

    def count_charts(self) -> Sequence[Markup]:
        """Return given marks and accepted predictions per class."""
        return [
            count_bars("Training images marked as showing each class", self.own.label_counts, 0),
            count_bars("Unknown marks accepted as present, per class", self.own.pseudo_counts, 1),
        ]

    def plots(self) -> Sequence[Plot]:
        """Return the default plots; the share accepted is one of marks here."""
        curves = [_ACCEPTED if curve.column == _ACCEPTED.column else curve for curve in PSEUDO_LABELS.curves]
        return [plot._replace(curves=curves) if plot is PSEUDO_LABELS else plot for plot in super().plots()]

    def parts(self) -> Sequence[Section]:
        """Return average precisions, probabilities and class maps."""
        return [
            Section("Average precision per class", self._precisions()),
            Section(
                "Predicted probabilities of known and unknown marks",
                _histograms(self.own.histograms),
                "Marks of the training images by the predicted probability that the class is present: present classes "
                "should be on the right, absent ones on the left. The height is the share of these marks.",
            ),
            _maps(self.own.maps),
        ]

    def _precisions(self) -> list[Block]:
        """Return a bar per class; for many classes the lowest, and a table of all."""
        own, classes = self.own, self.run.classes
        if not own.precisions:
            return []
        shown = [(name, one) for name, one in zip(classes, own.precisions, strict=True) if one.average is not None]
        missing = [name for name, one in zip(classes, own.precisions, strict=True) if one.average is None]
        unknown = [Paragraph(f"None of them is known to show {', '.join(missing)}.")] if missing else []
        title = f"Average precision on the {own.judged_by} (images that show the class)"
        if len(shown) <= _MOST_BARS:
            return [*_bars(title, shown), *unknown]
        shown.sort(key=lambda pair: pair[1].average or 0)
        rows = [(name, _shown(one.average), _shown(one.chance), f"{one.positives:,}") for name, one in shown]
        table = Table(title, ("class", "average precision", "random ranking", "images that show the class"), rows)
        lowest = _bars(f"{title}: the {_MOST_BARS} lowest", shown[:_MOST_BARS])
        return [*lowest, *unknown, Folded(f"All {len(rows)} classes", [table])]

    def examples(self) -> Sequence[Section]:
        """Return the most confident predictions of unknown marks, and the given marks that differ from theirs."""
        strips = {"most probably present": self.own.present, "most probably absent": self.own.absent}
        return [
            Section(
                "Most confident predictions of unknown marks",
                class_strips(self.run.classes, strips),
                "Training images whose mark of the class is unknown; absent ones only of the most frequent classes. A "
                "frame marks predictions that are known to be wrong.",
            ),
            Section(
                "Given marks that differ from the prediction",
                cards(self.own.doubted),
                "Either the model is wrong or the mark is: review these first.",
            ),
        ]

    def compared_images(self) -> ComparedImages | None:
        """Return the class maps."""
        rows = [ComparedImage(one.path, _image(one), _overlays(one)) for one in self.own.maps]
        return ComparedImages(rows, "evidence for the class below") if rows else None


def _shown(value: float | None) -> str:
    return MISSING if value is None else percent(value)


def _bars(title: str, precisions: Sequence[tuple[str, ClassPrecision]]) -> list[Block]:
    rows = [Bar(name, one.average or 0, f"{_shown(one.average)} ({one.positives:,})") for name, one in precisions]
    return filled(charts(bar_chart(title, rows)))


def _histograms(histograms: Sequence[Histogram]) -> list[Block]:
    drawn = [
        probability_histogram(one.marks, one.counts, _COLOURS[number % len(_COLOURS)])
        for number, one in enumerate(histograms)
    ]
    return filled(charts(*drawn))


def _image(one: ClassMapped) -> Picture:
    """Return the image itself, with the classes that it is known to show."""
    if one.truth is None:
        return Picture(one.image, one.path, "")
    shown = ", ".join(one.truth) or "nothing"
    return Picture(one.image, f"{one.path}, shows {shown}", f"shows {shown}")


def _overlays(one: ClassMapped) -> list[Picture]:
    return [_overlay(one.path, found) for found in one.maps]


def _overlay(path: str, found: ClassMap) -> Picture:
    predicted = f"{found.name}, {percent(found.probability, 0)}"
    description = f"{path}, bright where evidence for {found.name} is; predicted {predicted}"
    return Picture(found.overlay, description, predicted, found.right is False)


def _maps(maps: Sequence[ClassMapped]) -> Section:
    """Return a few images, each next to the maps of its most probable classes."""
    lead = (
        "Next to each image are the maps of its most probable classes: the brighter, the more evidence within that "
        "map; below, the class and its probability. A frame marks a class that is predicted but absent, or present but "
        "not predicted (threshold 50\u00a0%)."
    )
    items = [[_image(one), Group(_overlays(one), "overlays")] for one in maps]
    return Section("Class maps", [Gallery(items, "pairs classes")] if items else [], lead)
