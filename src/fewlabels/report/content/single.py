"""The sections of one run, in the order of the page."""

from typing import Any

from fewlabels.report.content.blocks import Block, Paragraph, Section, charts
from fewlabels.report.content.choice import choice_of_method
from fewlabels.report.content.plots import has_values, loss_chart
from fewlabels.report.content.setup import configuration, setup
from fewlabels.report.face import Face

_TEST_CURVES = "The test curves are only for the reader: nothing was selected with them."


def sections(face: Face[Any]) -> list[Section]:
    """Return everything below the headline; sections without blocks are left out."""
    found = [
        Section("Figures", face.figures()),
        setup(face),
        choice_of_method(face),
        training(face),
        *face.parts(),
        *face.examples(),
        configuration(face),
    ]
    return [section for section in found if section.blocks]


def training(face: Face[Any]) -> Section:
    """Return the curves of history.csv."""
    history, plots = face.run.history, face.plots()
    block = charts(*(plot.drawn(history) for plot in plots), loss_chart(history))
    if block is None:
        return Section("Training curves", [])
    tested = any(
        has_values(history, curve) for plot in plots for curve in plot.curves if curve.column.startswith("test_")
    )
    blocks: list[Block] = [block, *([Paragraph(_TEST_CURVES)] if tested else [])]
    return Section("Training curves", blocks)


def limitations(face: Face[Any]) -> list[str]:
    """Return the notes of the task, then those of the run, each once."""
    return list(dict.fromkeys(note for note in [*face.limitations(), *face.run.notes] if note))
