"""The parts of the page for looking: features in the plane, class activation maps, perturbed images."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from fewlabels.report.example import Example
from fewlabels.report.looking import Mapped, Perturbed
from fewlabels.report.marks_sights import class_overlays, marked_image
from fewlabels.report.markup import Html, Table, percent, section
from fewlabels.report.scatter import scatter
from fewlabels.report.summary import RunSummary
from fewlabels.report.thumbnails import picture


def looking_parts(run: RunSummary, level: int) -> str:
    """All three of one run; what it does not have is left out."""
    return features_part([run], level) + _maps_part(run, level) + _perturbed_part(run, level)


def features_part(runs: Sequence[RunSummary], level: int) -> str:
    """A scatter per run that has one."""
    charts = [
        (seen, scatter(f"{len(seen.points):,} {seen.images}" if len(runs) == 1 else run.name, seen, run.classes))
        for run in runs
        if (seen := run.looking.embedding) and seen.points
    ]
    if not charts:
        return ""
    first = charts[0][0]
    lead = (
        f"Each point is an image, its colour the {first.colours}. t-SNE puts images that the network sees alike beside "
        "each other; distances between far groups say little."
    )
    return section(
        "How the network sees the classes", f'<div class="charts">{"".join(c for _, c in charts)}</div>', level, lead
    )


def _says(example: Example) -> str:
    return f"{example.label}, {percent(example.confidence, 0)}"


def _wrong(example: Example) -> bool:
    return example.truth is not None and example.truth != example.label


def _plain(example: Example) -> str:
    """The image itself, and what it is."""
    truth = f", true class {example.truth}" if example.truth is not None else ""
    return picture(example.image, f"{example.path}{truth}", f"is {example.truth}" if example.truth else "", False)


def _overlay(one: Mapped) -> str:
    """The heat map, and what the model says."""
    example = one.example
    described = f"{example.path}, bright where {one.shows} is; the model says {_says(example)}"
    return picture(one.overlay, described, _says(example), _wrong(example))


def _maps_part(run: RunSummary, level: int) -> str:
    pairs = "".join(f"<li>{_plain(one.example)}{_overlay(one)}</li>" for one in run.looking.maps)
    if not pairs:
        return ""
    lead = (
        f"Beside each image {run.looking.maps[0].shows}, the brighter the more within that image; beneath, the "
        "model's class. A frame marks those that are known to be wrong."
    )
    return section("Where the network looks", f'<ul class="pairs">{pairs}</ul>', level, lead)


def _perturbed_part(run: RunSummary, level: int) -> str:
    pairs = run.looking.perturbed
    if not pairs:
        return ""
    changed = sum(pair.before.label != pair.after.label for pair in pairs)
    lead = (
        f"Each image as it is and after the method's perturbation (length {max(pair.length for pair in pairs):.2f} in "
        f"pixels as the network sees them), with the model's class under each. It changes {changed} of "
        f"{len(pairs)} answers."
    )
    return section("Images and their adversaries", f'<ul class="pairs">{"".join(map(_pair, pairs))}</ul>', level, lead)


def _pair(pair: Perturbed) -> str:
    before = f"{pair.before.path}: the model says {_says(pair.before)}"
    after = f"{pair.before.path}, perturbed: the model says {_says(pair.after)}"
    return (
        f"<li>{picture(pair.before.image, before, _says(pair.before), _wrong(pair.before))}"
        f"{picture(pair.after.image, after, _says(pair.after), _wrong(pair.after))}</li>"
    )


class _Row(NamedTuple):
    """An image and its maps, drawn."""

    path: str
    plain: str
    overlays: str


def compared_maps(runs: Sequence[RunSummary]) -> str:
    """A table per data set that several runs have maps of: a row per image, a column per run."""
    alike: dict[tuple[object, ...], list[RunSummary]] = {}
    for run in runs:
        if _rows(run):
            alike.setdefault(_data(run), []).append(run)
    return "".join(_side_by_side(group) for group in alike.values() if len(group) > 1)


def _rows(run: RunSummary) -> list[_Row]:
    """The images that it has maps of: of its class, or of each of its classes."""
    rows = [_Row(one.example.path, _plain(one.example), _overlay(one)) for one in run.looking.maps]
    several = run.marking.maps if run.marking else []
    return rows + [_Row(one.path, marked_image(one), class_overlays(one)) for one in several]


def _data(run: RunSummary) -> tuple[object, ...]:
    """What runs on the same data have in common, wherever the data lay."""
    name = Path(str(run.config.get("data"))).name
    return name, *run.classes, *(row.path for row in _rows(run))


def _side_by_side(runs: Sequence[RunSummary]) -> str:
    """Each image with its map in every run."""
    rows = [
        [Html(together[0].plain), *(Html(row.overlays) for row in together)]
        for together in zip(*map(_rows, runs), strict=True)
    ]
    shown = list(dict.fromkeys(what for run in runs for what in _bright(run)))
    caption = f"The same images under {len(runs)} runs; bright: {' or '.join(shown)}"
    return Table(caption, ("image", *(run.name for run in runs)), rows).html("sights")


def _bright(run: RunSummary) -> list[str]:
    several = run.marking is not None and run.marking.maps
    return [one.shows for one in run.looking.maps] + (["evidence for the class beneath"] if several else [])
