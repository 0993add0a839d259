"""The face of task ``localize``: that of ``classify``, with boxes."""

from collections.abc import Mapping, Sequence

from fewlabels.report.content.blocks import (
    Block,
    BoxedPicture,
    Gallery,
    Legend,
    LegendEntry,
    Outline,
    Paragraph,
    Section,
    charts,
    filled,
)
from fewlabels.report.content.classify_face import ClassifyFace
from fewlabels.report.content.figures import ACCURACY, Evidence, Figure, Figures, figures_table
from fewlabels.report.content.localize import Boxed, Boxing, LocalizeContent
from fewlabels.report.content.plots import Curve, Plot, has_values
from fewlabels.report.draw.histogram import iou_histogram, share_of_upper_half
from fewlabels.report.face import PSEUDO_LABELS, VALIDATION_ONLY, ComparedImage, ComparedImages
from fewlabels.report.words import NBSP, interval, percent, three_digits

GT_KNOWN = Figure("gt_known", "GT-Known", title="Localization accuracy (GT-Known)")
TOP1 = Figure("top1_loc", "Top-1 loc.")
TOP5 = Figure("top5_loc", "Top-5 loc.")
_FIGURES = (GT_KNOWN, TOP1, TOP5, Figure("mean_iou", "mean IoU", three_digits))
_SPLITS = {"test": "test images", "val": "validation images"}
_CURVES = (
    ("gt_known", "GT-Known", 0),
    ("pseudo_gt_known", "GT-Known of the pseudo boxes", 1),
    ("top1_loc", "Top-1 localization", 5),
)
_KEPT = Curve("share_kept", "share of boxes kept", 3, "Share of boxes kept for training")
_MEANINGS = {
    "true": "true box",
    "model": "predicted box",
    "pseudo": "pseudo box, computed from the map of the classifier and used for training",
}
_NO_TRUE_BOX = "No true box of a test or validation image is known, so the quality of the boxes is unknown."
_FIGURES_EXPLAINED = (
    "GT-Known is the share of correct boxes when the class is known. Top-1 and Top-5 also require the class to be the "
    "most probable one, or one of the five most probable ones."
)
_KEPT_EXPLAINED = (
    "The share kept is the share of training images whose box was good enough to train with, averaged since the "
    "previous point."
)
_LARGE = 0.8**2
"""Boxes that are larger than this on average are suspect: the centred box on the page has this area."""
_CURVES_EXPLAINED = "The curves of true boxes are only for the reader: they did not influence training."


class LocalizeFace(ClassifyFace[LocalizeContent]):
    """A run with one class and one box per image."""

    content = LocalizeContent

    @classmethod
    def verdict(cls, metrics: Mapping[str, Figures]) -> list[str]:
        """Return GT-Known where there are true boxes, and the lines of ``classify``."""
        lines = [
            f"GT-Known {100 * row['gt_known']:.1f} % on {row['num_boxed']} {name} images with true boxes"
            for name in _SPLITS
            if (row := metrics.get(name) or {}).get("gt_known") is not None
        ]
        large = [] if lines else [_large_boxes(metrics)]
        notes = [f"note: {note}" for note in [*large, _less_stable(metrics)] if note]
        return [*lines, *_likeness(metrics), *super().verdict(metrics), *notes]

    @property
    def boxes(self) -> Evidence | None:
        """The best images with true boxes."""
        return self.evidence_of(GT_KNOWN)

    def evidence(self) -> Evidence | None:
        """Return the best images with true boxes, else the best images with classes."""
        return self.boxes or super().evidence()

    def headline_figure(self) -> Figure:
        """Return GT-Known where there are true boxes, else the accuracy."""
        return GT_KNOWN if self.boxes else ACCURACY

    def headline(self) -> str:
        """Return GT-Known and the images with true boxes, else the headline of ``classify``."""
        if not (boxes := self.boxes):
            return super().headline()
        return f"{GT_KNOWN.headline} {GT_KNOWN.shown(boxes.figures)} on {boxes.counted('num_boxed')}"

    def certainty(self) -> str:
        """Return what a correct box is, and what a trivial one reaches; else the sentences of ``classify``."""
        if not (boxes := self.boxes):
            return f"{super().certainty()} {_NO_TRUE_BOX}" if self.own.boxing else super().certainty()
        figures = boxes.figures
        sentences = ["A box is correct if its IoU with a true box is at least 0.5."]
        if self.own.boxing and self.own.boxing.centred is not None:
            sentences.append(
                f"The same box at the centre of every image would reach {percent(self.own.boxing.centred)}."
            )
        if top1 := TOP1.shown(figures):
            top5 = TOP5.shown(figures)
            more = f", for {top5} with one of the five most probable classes (Top-5)" if top5 else ""
            sentences.append(f"Box and class are both correct for {top1} (Top-1 localization){more}.")
        if accuracy := ACCURACY.shown(figures):
            bounds = f" (95{NBSP}% interval {interval(figures)})" if interval(figures) else ""
            sentences.append(f"The class alone is correct for {accuracy}{bounds}.")
        return " ".join([*sentences, *([VALIDATION_ONLY] if boxes.split == "val" else [])])

    def limitations(self) -> Sequence[str | None]:
        """Return the notes of ``classify``, and on boxes that are no better, or may be, than trivial or given ones."""
        suspect = self._no_better_than_centred() if self.boxes else _large_boxes(self.run.metrics)
        return [*super().limitations(), suspect, _less_stable(self.run.metrics)]

    def _no_better_than_centred(self) -> str | None:
        centred = self.own.boxing.centred if self.own.boxing else None
        if not (boxes := self.boxes) or centred is None or boxes.figures["gt_known"] > centred:
            return None
        return (
            f"The boxes are no better than the same box at the centre of every image, which would reach "
            f"{percent(centred)}: the model has not learned to localize its objects."
        )

    def compared_figures(self) -> Sequence[Figure]:
        """Return accuracy and interval, and two figures of the boxes."""
        return [*super().compared_figures(), *([GT_KNOWN, TOP1] if self.boxes else [])]

    def figures(self) -> list[Block]:
        """Return a table of boxes, how much they are like those that were learned, and a table of classes."""
        counted = ("images with a true box", "num_boxed")
        table = figures_table("Boxes", self.run.metrics, _SPLITS, _FIGURES, counted)
        boxes = [] if table is None else [table, Paragraph(_FIGURES_EXPLAINED)]
        learned = [Paragraph(f"{line}.") for line in _likeness(self.run.metrics)]
        return [*boxes, *learned, *super().figures()]

    def plots(self) -> Sequence[Plot]:
        """Return the plots of ``classify`` without the share kept, which is one of boxes here."""
        curves = [curve for curve in PSEUDO_LABELS.curves if curve.column != _KEPT.column]
        return [plot._replace(curves=curves) if plot is PSEUDO_LABELS else plot for plot in super().plots()]

    def compared_curves(self) -> Sequence[tuple[Curve, bool]]:
        """Return the curves of ``classify`` and those of the boxes."""
        boxes = [(curve, True) for split in _SPLITS for curve in _curves(split)]
        return [*super().compared_curves(), *boxes, (_KEPT, True)]

    def parts(self) -> Sequence[Section]:
        """Return the parts of ``classify``, the boxes in the place of the maps."""
        confusion, *pictures = super().parts()
        if not (boxing := self.own.boxing):
            return [confusion, *pictures]
        return [confusion, _images(boxing), _ious(boxing), self._training(), _unsure(boxing), *pictures]

    def _training(self) -> Section:
        """Return the curves of both kinds of boxes, and the share of boxes that were kept for training."""
        history = self.run.history
        split = next((name for name in _SPLITS if any(has_values(history, c) for c in _curves(name)[:1])), "")
        curves = _curves(split) if split else []
        title = f"Boxes on the {_SPLITS[split]}, and share kept" if split else "Share of boxes kept"
        plot = Plot(title, [*curves, _KEPT], bounds=(0, None))
        lead = f"{_KEPT_EXPLAINED} {_CURVES_EXPLAINED}" if split else _KEPT_EXPLAINED
        return Section("Boxes during training", filled(charts(plot.drawn(history))), lead)

    def compared_images(self) -> ComparedImages | None:
        """Return the images with boxes."""
        if not (boxing := self.own.boxing):
            return None
        rows = [
            ComparedImage(one.example.path, one.example.truth or one.example.path, _shown(one, boxing))
            for one in boxing.images
        ]
        return ComparedImages(rows, legend=_legend(boxing.images, boxing)) if rows else None


def _large_boxes(metrics: Mapping[str, Figures]) -> str | None:
    """Return a note where boxes are so large on average that they may not follow the objects; None otherwise."""
    area = (metrics.get("boxes") or {}).get("mean_area")
    if not isinstance(area, float) or area <= _LARGE:
        return None
    return (
        f"The boxes cover {percent(area)} of their images on average. Unless the objects are that large, the boxes do "
        "not follow them: look at the pictures in the report before you use the boxes."
    )


def _learned(metrics: Mapping[str, Figures]) -> Figures | None:
    """Return the figures of boxes that were learned from another run; None without such a run, or if one is missing."""
    row = metrics.get("generator") or {}
    compared = all(isinstance(row.get(name), float) for name in ("mean_iou", "flip_iou", "generator_flip_iou"))
    return row if compared and {"run", "method", "num_mirrored"} <= set(row) else None


def _likeness(metrics: Mapping[str, Figures]) -> list[str]:
    """Return how much the boxes are like those of the run that they were learned from; empty where there is none."""
    if not (row := _learned(metrics)):
        return []
    return [
        f"The boxes of training images have a mean IoU of {row['mean_iou']:.2f} with those of the run '{row['run']}' "
        f"({row['method']}), from which they were learned; the mean IoU of boxes in images and in mirrored images is "
        f"{row['flip_iou']:.2f}, that of this other run {row['generator_flip_iou']:.2f}"
    ]


def _less_stable(metrics: Mapping[str, Figures]) -> str | None:
    """Return a note where boxes follow mirrored images less well than the boxes that they were learned from."""
    row = _learned(metrics)
    if not row or row["flip_iou"] >= row["generator_flip_iou"]:
        return None
    return (
        f"The boxes of this run are less stable than those that it learned: in {row['num_mirrored']} mirrored training "
        f"images their mean IoU with themselves is {row['flip_iou']:.2f}, and {row['generator_flip_iou']:.2f} in the "
        f"run '{row['run']}'. Unless true boxes say otherwise, use the boxes of that run."
    )


def _curves(split: str) -> list[Curve]:
    """Return the curves of the boxes on the images of a split."""
    return [
        Curve(f"{split}_{figure}", name, colour, f"{name} on the {_SPLITS[split]}") for figure, name, colour in _CURVES
    ]


def _images(boxing: Boxing) -> Section:
    evaluated = any(one.iou is not None for one in boxing.images)
    lead = (
        f"A fixed sample of the {boxing.kind}, with predicted class and confidence"
        f"{', and the IoU of the predicted box' if evaluated else ''}. Boxes and maps of a class are those of the true "
        f"class. A frame marks a wrong class{', or an IoU below 0.5' if evaluated else ''}."
    )
    if any(one.overlay for one in boxing.images):
        lead += f" The heat map next to an image shows {boxing.shows}: the brighter, the more within that image."
    return Section("Predicted boxes", _gallery(boxing.images, boxing, "boxes"), lead)


def _unsure(boxing: Boxing) -> Section:
    lead = "The training images with the lowest confidence. Their true boxes are not part of this page."
    title = "Predicted boxes on the least confident training images"
    return Section(title, _gallery(boxing.unsure, boxing, "boxes single"), lead)


def _gallery(images: Sequence[Boxed], boxing: Boxing, style: str) -> list[Block]:
    if not images:
        return []
    return [Legend(_legend(images, boxing)), Gallery([_shown(one, boxing) for one in images], style)]


def _legend(images: Sequence[Boxed], boxing: Boxing) -> list[LegendEntry]:
    """Return the meaning of each kind of box that is drawn."""
    found = {outline.style for one in images for outline in _outlines(one)}
    entries = [LegendEntry(style, meaning) for style, meaning in _MEANINGS.items() if style in found]
    if any(one.region for one in images) and boxing.threshold is not None:
        entries.append(LegendEntry("region", f"region above {100 * boxing.threshold:g} % of the scaled map"))
    if "other" in found:
        entries.append(LegendEntry("other", f"box by the map {boxing.other_map}, which the model does not use"))
    return entries


def _outlines(one: Boxed) -> list[Outline]:
    """Return the true boxes first: the dashes of the others leave them visible where boxes coincide."""
    pseudo = [Outline("pseudo", one.pseudo)] if one.pseudo else []
    other = [Outline("other", one.other)] if one.other else []
    return [*(Outline("true", corners) for corners in one.true), Outline("model", one.box), *pseudo, *other]


def _shown(one: Boxed, boxing: Boxing) -> list[Block]:
    """Return the image, and its heat map if there is one."""
    if one.overlay is None:
        return [_boxed(one)]
    region = [Outline("region", one.region)] if one.region else []
    description = f"{one.example.path}: bright where {boxing.shows} is"
    return [_boxed(one), BoxedPicture(one.overlay, description, "", outlines=region)]


def _boxed(one: Boxed) -> BoxedPicture:
    example = one.example
    truth = f", is {example.truth}" if example.wrong else ""
    iou = f", IoU {one.iou:.2f}" if one.iou is not None else ""
    known = f", true class {example.truth}" if example.truth is not None else ""
    description = f"{example.path}: predicted {example.predicted}{known}{iou}"
    wrong = example.wrong or (one.iou is not None and one.iou < 0.5)
    return BoxedPicture(example.image, description, f"{example.predicted}{truth}{iou}", wrong, _outlines(one))


def _ious(boxing: Boxing) -> Section:
    title = "IoU with the true boxes"
    if not sum(boxing.ious):
        return Section(title, [])
    total, correct = sum(boxing.ious), percent(share_of_upper_half(boxing.ious))
    lead = (
        f"For {correct} of the {total:,} {boxing.kind} with a true box, the predicted box has an IoU of 0.5 or more "
        "with one of them, to the right of the line: this share is GT-Known."
    )
    if boxing.centred is not None:
        lead += (
            f" The same box for all images, at the centre and 80 % of each side, would reach {percent(boxing.centred)}."
        )
    return Section(title, filled(charts(iou_histogram(boxing.ious, boxing.kind))), lead)
