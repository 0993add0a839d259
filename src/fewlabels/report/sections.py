"""The parts of the page that tell of one run, each a function from the run to HTML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fewlabels.report.boxes_parts import boxes_figures, boxes_parts, without_kept
from fewlabels.report.charts import bars, whole_percent
from fewlabels.report.curves import history_charts
from fewlabels.report.marks_parts import marks_charts, marks_examples, marks_figures, marks_parts
from fewlabels.report.marks_words import has_marks, marks_given
from fewlabels.report.markup import Html, Table, details, esc, format_duration, interval, percent, plural, section
from fewlabels.report.matrix import confusion_part
from fewlabels.report.sights import looking_parts
from fewlabels.report.summary import RunSummary
from fewlabels.report.thumbnails import doubted_part, examples_part
from fewlabels.report.verdict import accepted, all_labelled, certainty, distrust, headline

_SPLITS = {"test": "test", "val": "validation", "cross_fit": "estimate without test images"}
_POOLS = {True: "includes the labelled images too", False: "without the labelled images"}
_FIGURES = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "top5_accuracy": "top-5 accuracy",
    "nll": "NLL",
    "calibration_error": "calibration error",
}


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings under dotted names."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def setting(run: RunSummary, name: str) -> Any:
    """The first setting of this name, at whatever depth; None when there is none."""
    return next((value for key, value in flat(run.config).items() if key.split(".")[-1] == name), None)


def method_name(run: RunSummary) -> str:
    """As its paper writes it, where the settings say so."""
    method = run.config.get("method")
    return str(setting(run, "title") or (method if isinstance(method, str) else setting(run, "name")) or run.name)


def verdict_part(run: RunSummary, level: int) -> str:
    """The headline, what stands behind it, and what to distrust."""
    notes = "".join(f"<li>{esc(note)}</li>" for note in distrust(run))
    warning = (
        f'<div class="distrust"><h{level + 1}>What to distrust</h{level + 1}><ul>{notes}</ul></div>' if notes else ""
    )
    return (
        f'<h{level} class="headline">{esc(headline(run))}</h{level}>'
        f'<p class="certainty">{esc(certainty(run))}</p><p class="certainty">{esc(accepted(run))}</p>{warning}'
    )


def figures_part(run: RunSummary) -> str:
    """One row per split, one column per figure that any of them has."""
    splits = {name: run.metrics[name] for name in _SPLITS if run.metrics.get(name, {}).get("accuracy") is not None}
    columns = [key for key in _FIGURES if any(figures.get(key) is not None for figures in splits.values())]
    rows = []
    for name, figures in splits.items():
        images = f"{figures['num_images']:,}" if figures.get("num_images") else "–"
        row = [_SPLITS[name], images, percent(figures["accuracy"]), interval(figures) or "–"]
        rows.append(row + [_shown(key, figures.get(key)) for key in columns])
    header = ["split", "images", "accuracy", "95\u00a0% interval", *(_FIGURES[key] for key in columns)]
    return Table("Each figure with the images it was counted on", header, rows).html("figures") if rows else ""


def _shown(key: str, value: Any) -> str:
    if not isinstance(value, (int, float)):
        return "–"
    return f"{value:.3f}" if key == "nll" else percent(value)


def _facts(run: RunSummary) -> dict[str, str]:
    """What was run, as pairs of a name and a value; what is not known is left out."""
    train, pool = run.metrics.get("train") or {}, setting(run, "pool_includes_labelled")
    seeds = [str(value) for value in (setting(run, "seed"), setting(run, "label_seed")) if value is not None]
    facts = {
        "Data": setting(run, "data"),
        "Classes": f"{len(run.classes):,}",
        "Labels given": marks_given(run) if has_marks(run) else plural(sum(run.label_counts.values()), "image"),
        "Known proportion": _known_proportion(run),
        "Unlabelled pool": None if all_labelled(run) else _POOLS.get(pool),
        "Network": _network(run),
        "Training": _training(train),
        "Validation": _validation(run.metrics.get("val")),
        "Seed": ", labels drawn with seed ".join(seeds),
    }
    return {name: str(value) for name, value in facts.items() if value not in (None, "")}


def _network(run: RunSummary) -> str | None:
    """Its name, what it began from, and whether all of it learned."""
    name, weights = setting(run, "backbone"), setting(run, "weights")
    if name is None:
        return None
    pieces = [str(name)]
    if weights is not None:
        named = {"none": "random weights", "imagenet": "ImageNet weights"}
        pieces.append(f"from {named.get(weights, Path(str(weights)).name)}")
        pieces.append("its backbone fixed" if setting(run, "freeze") else "all layers trained")
    return ", ".join(pieces)


def _known_proportion(run: RunSummary) -> str | None:
    share = setting(run, "known_proportion")
    return (
        f"{whole_percent(share)} of the marks there are, drawn at random" if isinstance(share, (int, float)) else None
    )


def _validation(figures: Mapping[str, Any] | None) -> str:
    if not figures:
        return "no validation split, so nothing was chosen by looking: the last averaged model is used"
    return plural(figures["num_images"], "image") if figures.get("num_images") else "a split of its own"


def _training(train: Mapping[str, Any]) -> str:
    pieces = []
    if train.get("steps") is not None:
        pieces.append(plural(int(train["steps"]), "step"))
    if train.get("seconds") is not None:
        pieces.append(format_duration(float(train["seconds"])))
    if train.get("images_per_second") is not None:
        pieces.append(f"{float(train['images_per_second']):,.0f} images per second")
    return ", ".join(pieces)


def setup_part(run: RunSummary) -> str:
    """The method and its idea, the facts, and the labels per class."""
    paper, idea = setting(run, "paper"), setting(run, "idea")
    about = f'<p class="method"><strong>{esc(method_name(run))}</strong></p>'
    about += f"<p>{esc(idea)}</p>" if idea else ""
    about += f'<p class="paper">{esc(paper)}</p>' if paper else ""
    facts = "".join(f"<dt>{esc(name)}</dt><dd>{esc(value)}</dd>" for name, value in _facts(run).items())
    charts = marks_charts(run) if has_marks(run) else _label_charts(run)
    return f'{about}<dl class="facts">{facts}</dl><div class="charts">{charts}</div>'


def _label_charts(run: RunSummary) -> str:
    given = bars("Labels given per class", run.label_counts, 0)
    if all_labelled(run):
        return given
    return given + bars("Accepted labels of unlabelled images per class", run.pseudo_counts, 1)


def _counted_images(run: RunSummary) -> str:
    """Which images the confusion matrix counts, told by their number."""
    total = sum(map(sum, run.confusion or []))
    for name, kind in (("test", "test images"), ("val", "validation images")):
        if (run.metrics.get(name) or {}).get("num_images") == total:
            return kind
    return f"{total:,} images"


def parameters_part(run: RunSummary) -> str:
    """Every setting, folded away."""
    rows = [(key, Html(f"<code>{esc(value)}</code>")) for key, value in flat(run.config).items()]
    return details(f"All {len(rows)} settings", Table("config.yaml", ("setting", "value"), rows).html()) if rows else ""


def _images_part(run: RunSummary, level: int) -> str:
    """The images it is most and least sure of, and the labels it doubts."""
    strips = {"most sure": run.most_confident, "least sure": run.least_confident}
    return section(
        "The images it is most and least sure of",
        examples_part(run.classes, strips, level + 1),
        level,
        "Ordered by the model's class; a frame marks those that are known to be wrong.",
    ) + section(
        "Given labels that the model doubts",
        doubted_part(run.doubted),
        level,
        "Either the model is wrong, or somebody mislabelled the image: a look at these pays first.",
    )


def _figures_part(run: RunSummary) -> str:
    return marks_figures(run) if has_marks(run) else boxes_figures(run) + figures_part(run)


def run_parts(run: RunSummary, level: int) -> str:
    """Everything about one run below its verdict; ``level`` is that of the headings."""
    confusion = confusion_part(run.confusion, run.classes, _counted_images(run)) if run.confusion else ""
    return "".join(
        [
            section("The figures", _figures_part(run), level),
            section("What was run", setup_part(run), level),
            section("How training went", history_charts(without_kept(run)), level),
            section("What is taken for what", confusion, level),
            marks_parts(run, level),
            boxes_parts(run, level),
            looking_parts(run, level),
            marks_examples(run, level) if has_marks(run) else _images_part(run, level),
            section("Every parameter", parameters_part(run), level),
        ]
    )
