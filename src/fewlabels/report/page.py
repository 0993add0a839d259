"""The report: one page that opens offline, reads without JavaScript, and carries its own data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fewlabels.report.boxes_parts import compared_box_charts, compared_boxes
from fewlabels.report.boxes_words import localization
from fewlabels.report.curves import compared_charts
from fewlabels.report.marks_words import average_precision, has_marks
from fewlabels.report.markup import Html, Table, esc, format_duration, interval, percent, plural, section
from fewlabels.report.sections import method_name, run_parts, verdict_part
from fewlabels.report.sights import compared_maps, features_part
from fewlabels.report.summary import Example, RunSummary, read_summary
from fewlabels.report.thumbnail import thumbnail
from fewlabels.report.verdict import accuracy_source

__all__ = ["Example", "RunSummary", "read_summary", "render", "thumbnail"]

# The policy makes the browser itself refuse any request, whatever a class or a file is called.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_EVIDENCE = {"test": "test images", "val": "validation images", "cross_fit": "labelled images (estimate)"}
_INTERVAL = "95\u00a0% interval"
_COLUMNS = {
    "accuracy": "accuracy", "mAP": "mAP", _INTERVAL: "accuracy_low", "GT-Known": "gt_known", "Top-1 loc.": "top1_loc",
}  # fmt: skip
"""Of the comparison, with the figures that fill them."""


def render(runs: Sequence[RunSummary]) -> str:
    """The page of one run, or of several side by side.

    Args:
        runs: at least one; their order is kept.
    """
    assert runs
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs"
    body = _single(runs[0]) if len(runs) == 1 else _several(runs)
    data = "".join(run.embed(index) for index, run in enumerate(runs))
    style = _style("page.css") + (_style("boxes.css") if any(run.boxing for run in runs) else "")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">'
        f"<title>{esc(title)} – fewlabels</title><style>{style}</style></head>"
        f"<body><main>{body}</main>{data}</body></html>\n"
    )


def _style(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _single(run: RunSummary) -> str:
    header = f'<header><p class="brand">fewlabels report: {esc(run.name)}</p>{verdict_part(run, 1)}</header>'
    return header + run_parts(run, 2)


def _several(runs: Sequence[RunSummary]) -> str:
    """The comparison, then each run as on its own page, one heading level deeper."""
    header = (
        f'<header><p class="brand">fewlabels report</p><h1 class="headline">{len(runs)} runs side by side</h1>'
        f'<p class="certainty">{esc(_best(runs))}</p></header>'
    )
    comparison = section("The runs compared", _comparison(runs), 2)
    curves = section("Learning curves", compared_charts(runs) + compared_box_charts(runs), 2)
    pictures = compared_maps(runs) + compared_boxes(runs)
    seen = section("The same images under several runs", pictures, 2) + features_part(runs, 2)
    articles = "".join(
        f'<article id="run-{index}"><p class="brand">Run {index}: {esc(run.name)}</p>'
        f"{verdict_part(run, 2)}{run_parts(run, 3)}</article>"
        for index, run in enumerate(runs, 1)
    )
    return header + comparison + curves + seen + articles


def _measure(run: RunSummary) -> str:
    """The figure that the run's task is judged by."""
    if has_marks(run):
        return "mAP"
    return "GT-Known" if localization(run) else "accuracy"


def _evidence(run: RunSummary) -> tuple[str, dict[str, Any]] | None:
    """The best images that the run was judged by, and its figures on them."""
    if has_marks(run):
        return average_precision(run)
    return localization(run) or accuracy_source(run)


def _best(runs: Sequence[RunSummary]) -> str:
    """Which run leads, said only where all have one task and were judged by the same kind of images."""
    measures = sorted(set(map(_measure, runs)))
    if len(measures) > 1:
        return "They are of different tasks, so they can't be ranked."
    sources, measure = [_evidence(run) for run in runs], measures[0]
    if None in sources or len({source[0] for source in sources if source}) > 1:
        counted = "accuracies were not all counted" if measure == "accuracy" else f"{measure} was not always counted"
        return f"Their {counted} on the same kind of images, so they can't be ranked."
    best, name = max(
        (source[1][_COLUMNS[measure]], run.name) for source, run in zip(sources, runs, strict=True) if source
    )
    chance = "Where intervals overlap" if measure == "accuracy" else "Where the difference is small"
    return f"{name} has the highest {measure}, {percent(best)}. {chance}, the order may be chance."


def _comparison(runs: Sequence[RunSummary]) -> str:
    """A row per run with the figures one chooses by; a column per measure that any of them has."""
    columns = [column for column in _COLUMNS if any(column in _measures(run) for run in runs)]
    header = ("run", "method", "labels", *columns, "counted on", "accepted labels", "time")
    return Table(
        "Each counted on the best images it has: test, else validation, else an estimate",
        header,
        [_row(index, run, columns) for index, run in enumerate(runs, 1)],
    ).html("figures")


def _measures(run: RunSummary) -> list[str]:
    """The columns that its task fills."""
    if has_marks(run):
        return ["mAP"]
    return ["accuracy", _INTERVAL, *(["GT-Known", "Top-1 loc."] if localization(run) else [])]


def _shown(column: str, figures: dict[str, Any]) -> str:
    if column == _INTERVAL:
        return interval(figures) or "–"
    share = figures.get(_COLUMNS[column])
    return "–" if share is None else percent(share)


def _row(index: int, run: RunSummary, columns: Sequence[str]) -> list[object]:
    split, figures = _evidence(run) or ("", {})
    counted = (
        f"{figures['num_images']:,} {_EVIDENCE[split]}" if figures.get("num_images") else _EVIDENCE.get(split, "–")
    )
    seconds = (run.metrics.get("train") or {}).get("seconds")
    return [
        Html(f'<a href="#run-{index}">{esc(run.name)}</a>'),
        method_name(run),
        _given(run),
        *(_shown(column, figures) if column in _measures(run) else "–" for column in columns),
        counted,
        f"{sum(run.pseudo_counts.values()) + (run.marking.accepted_absent if run.marking else 0):,}",
        format_duration(float(seconds)) if seconds is not None else "–",
    ]


def _given(run: RunSummary) -> str:
    """How many labels, or how many marks."""
    return plural(run.marking.given.known, "mark") if run.marking else f"{sum(run.label_counts.values()):,}"
