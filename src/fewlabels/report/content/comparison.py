"""Several runs side by side: a table, their curves, and the same images under each run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fewlabels.report.content.blocks import Block, Group, Legend, LegendEntry, Link, Section, Table, charts, filled
from fewlabels.report.content.features import features_section
from fewlabels.report.content.figures import MISSING, Figure
from fewlabels.report.content.plots import LOSS, SHARES, Curve, points
from fewlabels.report.content.setup import method_name
from fewlabels.report.draw.lines import Series, line_chart
from fewlabels.report.face import ComparedImages, Face
from fewlabels.report.words import format_duration

Faces = Sequence[Face[Any]]


def ranking(faces: Faces) -> str:
    """Return which run is best, if all have the same headline figure, measured on the same kind of images."""
    figures = {face.headline_figure().name: face.headline_figure() for face in faces}
    if len(figures) > 1:
        return "The runs are of different tasks, so they can't be ranked."
    (figure,) = figures.values()
    found = [(face, evidence) for face in faces if (evidence := face.evidence())]
    if len(found) < len(faces) or len({evidence.split for _, evidence in found}) > 1:
        return f"The {figure.name} of the runs was not measured on the same kind of images, so they can't be ranked."
    best = max if figure.higher_is_better else min
    face, evidence = best(found, key=lambda pair: pair[1].figures[figure.key])
    word = "highest" if figure.higher_is_better else "lowest"
    return (
        f"{face.run.name} has the {word} {figure.name}, {figure.shown(evidence.figures)}. Small differences and "
        "overlapping intervals may be due to chance."
    )


def sections(faces: Faces) -> list[Section]:
    """Return the sections above the single runs; sections without blocks are left out."""
    embeddings = [(face.run.name, embedding, face.run.classes) for face in faces if (embedding := face.embedding())]
    found = [
        Section("Comparison", [_table(faces)]),
        Section("Learning curves", filled(charts(*_curves(faces)))),
        Section("The same images in several runs", _same_images(faces)),
        features_section(embeddings),
    ]
    return [section for section in found if section.blocks]


def _table(faces: Faces) -> Table:
    """Return a row per run; a column for each headline figure that any of them has."""
    shown = (figure for face in faces for figure in face.compared_figures() if _shown(face, figure))
    columns = list(dict.fromkeys(shown))
    header = ("run", "method", "labels", *(one.name for one in columns), "evaluated on", "accepted labels", "time")
    rows = [_row(number, face, columns) for number, face in enumerate(faces, 1)]
    return Table("Each run on the best images it has: test, else validation, else an estimate", header, rows, "figures")


def _row(number: int, face: Face[Any], columns: Sequence[Figure]) -> list[str | Block]:
    evidence, count = face.evidence(), face.accepted_count()
    seconds = (face.run.metrics.get("train") or {}).get("seconds")
    return [
        Link(face.run.name, f"run-{number}"),
        method_name(face),
        face.labels_given() or MISSING,
        *(_shown(face, figure) or MISSING for figure in columns),
        evidence.counted() if evidence else MISSING,
        MISSING if count is None else f"{count:,}",
        format_duration(float(seconds)) if seconds is not None else MISSING,
    ]


def _shown(face: Face[Any], figure: Figure) -> str | None:
    """Return the figure of a run; None if it is missing or of another task."""
    evidence = face.evidence()
    return figure.shown(evidence.figures) if evidence and figure in face.compared_figures() else None


def _curves(faces: Faces) -> list[Markup]:
    """Return a chart for each kind of curve, with a line per run."""
    kinds: dict[Curve, bool] = {}
    for face in faces:
        kinds |= dict(face.compared_curves())
    drawn = []
    for curve, shares in [*kinds.items(), (LOSS.curves[0], False)]:
        series = [
            Series(face.run.name, points(face.run.history, curve.column), number)
            for number, face in enumerate(faces)
            if curve == LOSS.curves[0] or curve in dict(face.compared_curves())
        ]
        drawn.append(line_chart(curve.title, series, shares=shares, bounds=SHARES if shares else (0, None)))
    return drawn


def _same_images(faces: Faces) -> list[Block]:
    """Return a table for each group of runs on the same data that show the same images."""
    groups: dict[tuple[object, ...], list[tuple[str, ComparedImages]]] = {}
    for face in faces:
        if images := face.compared_images():
            data = Path(str(face.setting("data"))).name  # the folder may have moved
            key = (face.run.task, data, *face.run.classes, *(row.path for row in images.rows))
            groups.setdefault(key, []).append((face.run.name, images))
    return [block for group in groups.values() if len(group) > 1 for block in _side_by_side(group)]


def _side_by_side(group: Sequence[tuple[str, ComparedImages]]) -> list[Block]:
    """Return a row per image, a column per run."""
    rows = [
        [together[0].first, *(Group(one.shown, "pictures") for one in together)]
        for together in zip(*(images.rows for _, images in group), strict=True)
    ]
    bright = " or ".join(dict.fromkeys(images.bright for _, images in group if images.bright))
    caption = f"The same images in {len(group)} runs" + (f"; bright: {bright}" if bright else "")
    entries = _merged([entry for _, images in group for entry in images.legend])
    legend = [Legend(entries)] if entries else []
    return [*legend, Table(caption, ("image", *(name for name, _ in group)), rows, "compared")]


def _merged(entries: Sequence[LegendEntry]) -> list[LegendEntry]:
    """Return each style once, with all its meanings."""
    meanings: dict[str, dict[str, None]] = {}
    for entry in entries:
        meanings.setdefault(entry.style, {})[entry.meaning] = None
    return [LegendEntry(style, " or ".join(own)) for style, own in meanings.items()]
