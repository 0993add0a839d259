"""The parts of the page that only a multi-label run has, each a function from the run to HTML."""

from fewlabels.report.charts import Bar, bar_chart, bars
from fewlabels.report.histogram import histogram
from fewlabels.report.marking import Marking, Precision
from fewlabels.report.marks_sights import class_maps_part
from fewlabels.report.markup import Table, details, esc, percent, section
from fewlabels.report.summary import RunSummary
from fewlabels.report.thumbnails import doubted_part, examples_part

_SPLITS = {"test": "test", "val": "validation", "unknown": "training, the marks that were unknown"}
_FIGURES = {
    "mAP": "mAP", "mAP_voc": "mAP (VOC)", "OP": "OP", "OR": "OR", "OF1": "OF1", "CP": "CP", "CR": "CR", "CF1": "CF1",
}  # fmt: skip
_MOST_BARS = 30
_COLOURS = (0, 1, 3, 2, 4)


def marks_figures(run: RunSummary) -> str:
    """One row per split, one column per figure."""
    splits = {name: run.metrics[name] for name in _SPLITS if (run.metrics.get(name) or {}).get("mAP") is not None}
    rows = [
        [_SPLITS[name], f"{figures.get('num_images', 0):,}", *(_shown(figures.get(key)) for key in _FIGURES)]
        for name, figures in splits.items()
    ]
    if not rows:
        return ""
    words = (
        "<p>P is precision, R recall and F1 both in one, at a probability of 0.5: O over all marks, C the mean over "
        "the classes. mAP (VOC) takes at each recall the best precision from there on.</p>"
    )
    return (
        Table("Each figure with the images it was counted on", ["split", "images", *_FIGURES.values()], rows).html(
            "figures"
        )
        + words
    )


def _shown(value: object) -> str:
    return percent(value) if isinstance(value, (int, float)) else "–"


def marks_charts(run: RunSummary) -> str:
    """What was given and what was accepted, per class."""
    given = bars("Training images marked as showing each class", run.label_counts, 0)
    return given + bars("Unknown marks accepted as present, per class", run.pseudo_counts, 1)


def marks_parts(run: RunSummary, level: int) -> str:
    """The classes one by one, the probabilities, the maps; nothing for a run without marks."""
    if not (marking := run.marking):
        return ""
    return "".join(
        [
            section("How well each class is found", _precisions_part(run.classes, marking), level),
            section(
                "How sure it is of what it was and was not told",
                _histograms_part(marking),
                level,
                "Training marks by the model's probability that the class is there: what is present belongs to the "
                "right, what is absent to the left. The height is the share of these marks.",
            ),
            class_maps_part(marking.maps, level),
        ]
    )


def _precisions_part(classes: list[str], marking: Marking) -> str:
    """A bar per class, of many classes the worst, and then all of them in a table."""
    known = {name: one for name, one in zip(classes, marking.precisions, strict=False) if one.average is not None}
    if not marking.precisions:
        return ""
    title = f"Average precision on the {marking.judged_by} (how many show the class)"
    missing = [name for name in classes[: len(marking.precisions)] if name not in known]
    unjudged = f"<p>None of them is known to show {esc(', '.join(missing))}.</p>" if missing else ""
    shown = list(known.items())
    if len(shown) <= _MOST_BARS:
        return _charted(title, shown) + unjudged
    shown.sort(key=lambda pair: pair[1].average or 0)
    rows = [(name, _shown(one.average), _shown(one.chance), f"{one.positives:,}") for name, one in shown]
    table = Table(title, ("class", "average precision", "at random", "images that show it"), rows).html()
    return (
        _charted(f"{title}: the {_MOST_BARS} lowest", shown[:_MOST_BARS])
        + unjudged
        + details(f"All {len(rows)} classes", table)
    )


def _charted(title: str, precisions: list[tuple[str, Precision]]) -> str:
    rows = [Bar(name, one.average or 0, f"{_shown(one.average)} ({one.positives:,})") for name, one in precisions]
    return f'<div class="charts">{bar_chart(title, rows)}</div>' if rows else ""


def _histograms_part(marking: Marking) -> str:
    charts = [
        histogram(one.marks, one.counts, colour)
        for one, colour in zip(marking.histograms, _COLOURS * len(marking.histograms), strict=False)
    ]
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


def marks_examples(run: RunSummary, level: int) -> str:
    """Images whose unknown marks the model is surest of, and given marks that it doubts."""
    if not (marking := run.marking):
        return ""
    strips = {"surest present": marking.present, "surest absent": marking.absent}
    return section(
        "The unknown marks it is surest of",
        examples_part(run.classes, strips, level + 1),
        level,
        "Per class, training images without a mark of it; of the classes most often present also the surest absences. "
        "A frame marks those that are known to be wrong.",
    ) + section(
        "Given marks that the model doubts",
        doubted_part(run.doubted),
        level,
        "Either the model is wrong, or somebody marked the image wrongly: a look at these pays first.",
    )
