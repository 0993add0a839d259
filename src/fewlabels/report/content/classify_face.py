"""The face of task ``classify``."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeVar

from markupsafe import Markup

from fewlabels.evaluation.class_balance import collapse_note, imbalance_note
from fewlabels.report.content.blocks import Block, Gallery, Picture, Section, filled
from fewlabels.report.content.classify import ClassifyContent, Mapped, Perturbed
from fewlabels.report.content.confusion import confusion_blocks
from fewlabels.report.content.example import Example, cards, class_strips
from fewlabels.report.content.features import Embedding, features_section
from fewlabels.report.content.figures import (
    ACCURACY,
    ACCURACY_INTERVAL,
    FIGURES_CAPTION,
    Figure,
    Figures,
    figures_table,
)
from fewlabels.report.draw.bars import count_bars
from fewlabels.report.face import VALIDATION_ONLY, ComparedImage, ComparedImages, Face
from fewlabels.report.words import NBSP, interval, percent, plural, three_digits

_WIDE = 0.1
_MISCALIBRATED = 0.1
_FIGURES = (
    ACCURACY,
    ACCURACY_INTERVAL,
    Figure("balanced_accuracy", "balanced accuracy"),
    Figure("macro_f1", "macro F1"),
    Figure("top5_accuracy", "top-5 accuracy"),
    Figure("nll", "NLL", three_digits),
    Figure("calibration_error", "calibration error"),
)
C = TypeVar("C", bound=ClassifyContent)


class ClassifyFace(Face[C]):
    """A run with one class per image."""

    figure = ACCURACY
    content = ClassifyContent
    splits: ClassVar[Mapping[str, str]] = {**Face.splits, "cross_fit": "labelled images (estimate)"}
    why_unknown = "there are no test images, and too few labels to estimate it"

    @classmethod
    def verdict(cls, metrics: Mapping[str, Figures]) -> list[str]:
        """Return the accuracy on the test images, else by cross-fitting, and that of the hidden labels."""
        lines = []
        if test := metrics.get("test"):
            lines.append(_line(test, f"on {test['num_images']} test images"))
        elif estimate := metrics.get("cross_fit"):
            lines.append(_line(estimate, "by cross-fitting on the labelled images; there is no test split"))
        if hidden := metrics.get("unlabelled"):
            lines.append(_line(hidden, f"on {hidden['num_images']} unlabelled images with a hidden label"))
        return lines

    def headline(self) -> str:
        """Return the accuracy, and what it was measured on."""
        evidence = self.evidence()
        if evidence and evidence.split == "cross_fit":
            return f"Estimated accuracy {percent(evidence.figures['accuracy'])} on new images"
        return super().headline()

    def certainty(self) -> str:
        """Return the interval, and for an estimate how it was made."""
        if not (evidence := self.evidence_of(ACCURACY)):
            return "Label a few more images of every class, or reserve some labelled images as a test split."
        sentences = []
        if bounds := interval(evidence.figures):
            sentences.append(f"95{NBSP}% interval {bounds}.")
        if evidence.figures.get("what"):
            sentences.append(str(evidence.figures["what"]))
        if evidence.split == "val":
            sentences.append(VALIDATION_ONLY)
        return " ".join(sentences)

    def accepted(self) -> str:
        """Return how many unlabelled images have a label that the method accepts."""
        if self.all_labelled():
            return "All training images have a given label, so there are no pseudo-labels."
        count, total = self.accepted_count(), (self.run.metrics.get("train") or {}).get("num_unlabelled")
        if not isinstance(total, int) or not total:
            return f"The method accepts its pseudo-label for {plural(count, 'unlabelled image')}."
        images = plural(total, "unlabelled image")
        return f"The method accepts its pseudo-label for {count:,} of {images} ({percent(count / total)})."

    def limitations(self) -> Sequence[str | None]:
        """Return notes on collapse, imbalance, few test images and miscalibration."""
        pseudo, given = self.own.pseudo_counts, self.own.label_counts
        return [
            collapse_note([pseudo.get(name, 0) for name in self.run.classes], self.run.classes),
            imbalance_note([given.get(name, 0) for name in self.run.classes], self.run.classes),
            self._uncertain(),
            self._miscalibrated(),
        ]

    def _uncertain(self) -> str | None:
        evidence = self.evidence_of(ACCURACY)
        low, high = ((evidence.figures if evidence else {}).get(f"accuracy_{end}") for end in ("low", "high"))
        if evidence is None or low is None or high is None or high - low <= _WIDE:
            return None
        count = evidence.figures.get("num_images")
        counted = f"only {plural(count, 'image')}" if count else "few images"
        return f"The accuracy was measured on {counted}: the 95{NBSP}% interval is {interval(evidence.figures)}."

    def _miscalibrated(self) -> str | None:
        evidence = self.evidence_of(ACCURACY)
        error = evidence.figures.get("calibration_error") if evidence else None
        if error is None or error <= _MISCALIBRATED:
            return None
        return (
            f"The calibration error is {100 * error:.0f} percentage points: use the confidences to rank images, not as "
            "probabilities."
        )

    def all_labelled(self) -> bool:
        """Return whether there was no unlabelled image."""
        train = self.run.metrics.get("train") or {}
        return train.get("num_unlabelled") == 0 and not any(self.own.pseudo_counts.values())

    def compared_figures(self) -> Sequence[Figure]:
        """Return accuracy and interval."""
        return [ACCURACY, ACCURACY_INTERVAL]

    def figures(self) -> list[Block]:
        """Return one table."""
        return filled(figures_table(FIGURES_CAPTION, self.run.metrics, self.splits, _FIGURES))

    def labels_given(self) -> str:
        """Return the number of labelled images."""
        return plural(sum(self.own.label_counts.values()), "image")

    def accepted_count(self) -> int:
        """Return how many unlabelled images have an accepted label."""
        return sum(self.own.pseudo_counts.values())

    def facts(self) -> Mapping[str, str]:
        """Return what the unlabelled pool includes."""
        pool = self.own.pool_includes_labelled
        if pool is None or self.all_labelled():
            return {}
        return {"Unlabelled pool": "includes the labelled images" if pool else "without the labelled images"}

    def count_charts(self) -> Sequence[Markup]:
        """Return given and accepted labels per class."""
        given = count_bars("Given labels per class", self.own.label_counts, 0)
        if self.all_labelled():
            return [given]
        return [given, count_bars("Accepted pseudo-labels per class", self.own.pseudo_counts, 1)]

    def parts(self) -> Sequence[Section]:
        """Return the confusion matrix, features, maps and perturbations."""
        return [self._confusion(), *self.pictures()]

    def _confusion(self) -> Section:
        confusion = self.own.confusion
        blocks = confusion_blocks(confusion, self.run.classes, self._counted(confusion)) if confusion else []
        return Section("Confusion matrix", blocks)

    def _counted(self, confusion: list[list[int]]) -> str:
        """Return which images the matrix counts."""
        total = sum(map(sum, confusion))
        for name, images in Face.splits.items():
            if (self.run.metrics.get(name) or {}).get("num_images") == total:
                return images
        return f"{total:,} images"

    def pictures(self) -> list[Section]:
        """Return features, maps and perturbations."""
        embedding = self.embedding()
        features = [features_section([("", embedding, self.run.classes)])] if embedding else []
        return [*features, _maps(self.own.maps), _perturbations(self.own.perturbed)]

    def examples(self) -> Sequence[Section]:
        """Return the most and least confident images, and the given labels that the predictions contradict."""
        strips = {"most confident": self.own.most_confident, "least confident": self.own.least_confident}
        return [
            Section(
                "Most and least confident images",
                class_strips(self.run.classes, strips),
                "Unlabelled images by predicted class. A frame marks predictions that are known to be wrong.",
            ),
            Section(
                "Given labels that differ from the prediction",
                cards(self.own.doubted),
                "Either the model is wrong or the label is: review these first.",
            ),
        ]

    def embedding(self) -> Embedding | None:
        """Return the pooled features."""
        return self.own.embedding

    def compared_images(self) -> ComparedImages | None:
        """Return the class activation maps."""
        maps = self.own.maps
        rows = [ComparedImage(one.example.path, plain_picture(one.example), [_overlay(one)]) for one in maps]
        return ComparedImages(rows, maps[0].shows) if rows else None


def _line(figures: Figures, images: str) -> str:
    low, high = (100 * figures[f"accuracy_{end}"] for end in ("low", "high"))
    return f"accuracy {100 * figures['accuracy']:.1f} % {images} (95 % interval {low:.1f} to {high:.1f})"


def plain_picture(example: Example) -> Picture:
    """Return the image with its true class."""
    truth = f", true class {example.truth}" if example.truth is not None else ""
    return Picture(example.image, f"{example.path}{truth}", example.truth or "")


def _overlay(one: Mapped) -> Picture:
    example = one.example
    description = f"{example.path}, bright where {one.shows} is; predicted {example.predicted}"
    return Picture(one.overlay, description, example.predicted, example.wrong)


def _maps(maps: Sequence[Mapped]) -> Section:
    if not maps:
        return Section("Class activation maps", [])
    lead = (
        f"Next to each image, {maps[0].shows}: the brighter, the more within that image. Under the map is the "
        "predicted class; a frame marks predictions that are known to be wrong."
    )
    items = [[plain_picture(one.example), _overlay(one)] for one in maps]
    return Section("Class activation maps", [Gallery(items, "pairs")], lead)


def _perturbations(pairs: Sequence[Perturbed]) -> Section:
    if not pairs:
        return Section("Adversarial perturbations", [])
    changed = sum(pair.before.label != pair.after.label for pair in pairs)
    lead = (
        f"Each image before and after the perturbation of the method (length {max(pair.length for pair in pairs):.2f} "
        f"in normalised pixels), with its predicted class. {changed} of {len(pairs)} predictions change."
    )
    return Section("Adversarial perturbations", [Gallery([_pair(pair) for pair in pairs], "pairs")], lead)


def _pair(pair: Perturbed) -> list[Block]:
    before, after, path = pair.before, pair.after, pair.before.path
    return [
        Picture(before.image, f"{path}: predicted {before.predicted}", before.predicted, before.wrong),
        Picture(after.image, f"{path}, perturbed: predicted {after.predicted}", after.predicted, after.wrong),
    ]
