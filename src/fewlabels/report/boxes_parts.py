"""The parts of the page that only a run with boxes has, each a function from the run to HTML."""

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

from fewlabels.report.boxes_words import localization
from fewlabels.report.boxing import Boxed, Boxing
from fewlabels.report.charts import Series, line_chart
from fewlabels.report.framed import Drawn, framed, legend
from fewlabels.report.iou_histogram import iou_histogram, share_right
from fewlabels.report.markup import Html, Table, percent, section
from fewlabels.report.summary import RunSummary

_SPLITS = {"test": "test", "val": "validation"}
_FIGURES = {
    "gt_known": "GT-Known", "top1_loc": "Top-1 loc.", "top5_loc": "Top-5 loc.", "mean_iou": "mean IoU",
}  # fmt: skip
_CURVES = {
    "gt_known": ("GT-Known", 0),
    "pseudo_gt_known": ("GT-Known of the pseudo boxes", 1),
    "top1_loc": ("Top-1 localization", 5),
}
_KEPT = "share_kept"
_KEY = {
    "true": "the true box",
    "model": "the model's box",
    "pseudo": "the pseudo box: where the classifier alone looks, as the boxes are found that the method begins with",
}


def boxes_figures(run: RunSummary) -> str:
    """One row per split whose true boxes are known."""
    if not localization(run):
        return ""
    splits = {name: run.metrics[name] for name in _SPLITS if (run.metrics.get(name) or {}).get("gt_known") is not None}
    rows = [
        [_SPLITS[name], f"{figures.get('num_boxed', 0):,}", *(_shown(key, figures.get(key)) for key in _FIGURES)]
        for name, figures in splits.items()
    ]
    words = (
        "<p>GT-Known is the share of right boxes where the class is known; Top-1 and Top-5 also want the class to be "
        "the likeliest one, or one of the five likeliest.</p>"
    )
    header = ["split", "images with a true box", *_FIGURES.values()]
    return Table("The boxes", header, rows).html("figures") + words


def _shown(key: str, value: object) -> str:
    if not isinstance(value, (int, float)):
        return "–"
    return f"{value:.3f}" if key == "mean_iou" else percent(value)


def without_kept(run: RunSummary) -> RunSummary:
    """The run for the curves of any task: those of its boxes have the share kept."""
    if run.boxing is None:
        return run
    return replace(run, history=[{key: row[key] for key in row if key != _KEPT} for row in run.history])


def boxes_parts(run: RunSummary, level: int) -> str:
    """The boxes on images, their IoUs, their curves and the doubtful ones; nothing for a run without boxes."""
    if not (boxing := run.boxing):
        return ""
    return "".join(
        [
            _images_part(boxing, level),
            _ious_part(boxing, level),
            _curves_part(run, level),
            _unsure_part(boxing, level),
        ]
    )


def _images_part(boxing: Boxing, level: int) -> str:
    if not boxing.images:
        return ""
    judged = any(one.iou is not None for one in boxing.images)
    lead = (
        f"A fixed sample of the {boxing.kind}. Beneath each its class as the model says it and how sure that is"
        f"{', and the IoU of its box' if judged else ''}; where a box or a map is of a class, it is the true one. "
        f"A frame marks a wrong class{', or an IoU below 0.5' if judged else ''}."
    )
    if any(one.overlay for one in boxing.images):
        lead += f" The heat map beside it shows {boxing.shows}: the brighter, the more within that image."
    body = f'<ul class="boxes">{"".join(f"<li>{_seen(one, boxing)}</li>" for one in boxing.images)}</ul>'
    return section("Where it finds each object", _key(boxing.images, {boxing.threshold}) + body, level, lead)


def _unsure_part(boxing: Boxing, level: int) -> str:
    if not boxing.unsure:
        return ""
    items = "".join(f"<li>{_framed(one)}</li>" for one in boxing.unsure)
    lead = "The training images whose class it is least sure of. Their true boxes are no part of this page."
    body = _key(boxing.unsure, {boxing.threshold}) + f'<ul class="boxes single">{items}</ul>'
    return section("Boxes on the training images it is least sure of", body, level, lead)


def _key(images: Sequence[Boxed], thresholds: Set[float | None]) -> str:
    """Styles that are drawn, and no others, with what they stand for; the heat maps may have several thresholds."""
    found = {drawn.style for one in images for drawn in _boxes(one)}
    entries = [(style, words) for style, words in _KEY.items() if style in found]
    if any(one.region for one in images):
        known = [f"{100 * threshold:g} %" for threshold in thresholds if threshold is not None]
        words = known[0] if len(known) == 1 else "the run's threshold"
        entries.append(("region", f"around what is above {words} in the scaled map"))
    return legend(entries)


def _boxes(one: Boxed) -> list[Drawn]:
    """The true ones lowest: the dashes of the others leave them visible where boxes coincide."""
    pseudo = [Drawn("pseudo", one.pseudo)] if one.pseudo else []
    return [*(Drawn("true", corners) for corners in one.true), Drawn("model", one.box), *pseudo]


def _seen(one: Boxed, boxing: Boxing) -> str:
    """The image, and its heat map where there is one."""
    if one.overlay is None:
        return _framed(one)
    region = [Drawn("region", one.region)] if one.region else []
    described = f"{one.example.path}: bright is {boxing.shows}"
    return _framed(one) + framed(one.overlay, region, described, "", False)


def _framed(one: Boxed) -> str:
    example = one.example
    mistaken = example.truth is not None and example.truth != example.label
    wrong = mistaken or (one.iou is not None and one.iou < 0.5)
    says = f"{example.label}, {percent(example.confidence, 0)}"
    is_class = f", is {example.truth}" if mistaken else ""
    meets = f", IoU {one.iou:.2f}" if one.iou is not None else ""
    truth = f", true class {example.truth}" if example.truth is not None else ""
    described = f"{example.path}: the model says {says}{truth}{meets}"
    return framed(example.image, _boxes(one), described, f"{says}{is_class}{meets}", wrong)


def _ious_part(boxing: Boxing, level: int) -> str:
    if not sum(boxing.ious):
        return ""
    total, right = sum(boxing.ious), share_right(boxing.ious)
    words = (
        f"{percent(right)} of the {total:,} {boxing.kind} with a true box have a box that meets one at an IoU of 0.5 "
        "or more, to the right of the line: that share is GT-Known."
    )
    if boxing.centred is not None:
        words += f" One box for all, about the centre and of 80 % of each side, would reach {percent(boxing.centred)}."
    chart = iou_histogram(boxing.ious, boxing.kind)
    return section("How well the boxes meet the true ones", f'<div class="charts">{chart}</div>', level, words)


def _curves_part(run: RunSummary, level: int) -> str:
    """GT-Known of both kinds of boxes, Top-1, and the share of the boxes that were good enough to teach."""
    split = next((name for name in _SPLITS if any(row.get(f"{name}_gt_known") is not None for row in run.history)), "")
    series = [
        Series(words, _points(run, f"{split}_{figure}"), colour) for figure, (words, colour) in _CURVES.items() if split
    ]
    chart = line_chart(
        f"Boxes{f' of the {_SPLITS[split]} images' if split else ''}, and the share kept to learn from",
        [*series, Series("share of the boxes kept", _points(run, _KEPT), 3)],
        shares=True, bounds=(0, None),
    )  # fmt: skip
    kept = (
        "The share kept is of the training images: those whose box was found good enough to be learned from, as a mean "
        "since the point before."
    )
    lead = f"{kept} The curves of true boxes are for the reader only: they chose nothing." if split else kept
    return section("The boxes while it trained", f'<div class="charts">{chart}</div>' if chart else "", level, lead)


def _points(run: RunSummary, column: str) -> list[tuple[float, float | None]]:
    return [(step, row.get(column)) for row in run.history if (step := row.get("step")) is not None]


def compared_box_charts(runs: Sequence[RunSummary]) -> str:
    """One plot per figure of the boxes with a line per run."""
    charts = [
        line_chart(
            f"{words} on the {kind} images",
            [Series(run.name, _points(run, f"{split}_{figure}"), k) for k, run in enumerate(runs)],
            shares=True, bounds=(0, None),
        )
        for split, kind in _SPLITS.items()
        for figure, (words, _) in _CURVES.items()
    ]  # fmt: skip
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


def compared_boxes(runs: Sequence[RunSummary]) -> str:
    """A table per data set that several runs show boxes on: a row per image, a column per run."""
    alike: dict[tuple[object, ...], list[tuple[str, Boxing]]] = {}
    for run in runs:
        if run.boxing and run.boxing.images:
            data = (Path(str(run.config.get("data"))).name, *(one.example.path for one in run.boxing.images))
            alike.setdefault(data, []).append((run.name, run.boxing))
    return "".join(_side_by_side(group) for group in alike.values() if len(group) > 1)


def _side_by_side(group: Sequence[tuple[str, Boxing]]) -> str:
    rows = [
        [
            together[0].example.truth or together[0].example.path,
            *(_cell(one, boxing) for one, (_, boxing) in zip(together, group, strict=True)),
        ]
        for together in zip(*(boxing.images for _, boxing in group), strict=True)
    ]
    caption = f"The boxes of {len(group)} runs on the same images"
    key = _key([one for _, boxing in group for one in boxing.images], {boxing.threshold for _, boxing in group})
    return key + Table(caption, ("image", *(name for name, _ in group)), rows).html("sights")


def _cell(one: Boxed, boxing: Boxing) -> Html:
    return Html(f'<div class="seen-boxes">{_seen(one, boxing)}</div>')
