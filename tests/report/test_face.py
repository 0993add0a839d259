"""A task that only names its figure has a page, a comparison and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.report.pages import HOSTILE, Page

from fewlabels.errors import UserError
from fewlabels.report.content.blocks import Paragraph, Section
from fewlabels.report.content.figures import Figure
from fewlabels.report.face import Face
from fewlabels.report.island import read_face
from fewlabels.report.page import render
from fewlabels.report.summary import Content, RunSummary


class Regress(Face[Content]):
    """One number per image; smaller errors are better."""

    figure = Figure("mae", "mean absolute error", "{:.2f}".format, higher_is_better=False)


@dataclass(frozen=True)
class Range(Content):
    low: float
    high: float

    def check(self, classes: list[str]) -> None:
        if self.low > self.high:
            raise ValueError("empty range")


class RegressInRange(Face[Range]):
    figure = Regress.figure
    content = Range

    def parts(self) -> Sequence[Section]:
        return [Section("Range of the labels", [Paragraph(f"{self.own.low} to {self.own.high} & more")])]


def made(name: str = "ages", error: float = 3.5, own: Content | None = None) -> RunSummary:
    history: list[dict[str, float | None]] = [
        {"step": step, "loss": 1 / step, "test_mae": error} for step in (1.0, 2.0)
    ]
    metrics = {"test": {"mae": error, "num_images": 200}, "train": {"num_labels": 20, "steps": 2, "seconds": 1.0}}
    return RunSummary(name, "regress", {"method": "ridge", "data": "faces"}, metrics, history, own=own or Content())


def text_of(*runs: RunSummary) -> str:
    return Page(render([Regress(run) for run in runs])).text


def test_the_page_has_figure_setup_and_curves() -> None:
    page = Page(render([Regress(made())]))
    assert "Mean absolute error 3.50 on 200 test images" in page.text
    assert "evaluated on images mean absolute error test images 200 3.50" in page.text
    assert "Labels given 20 images" in page.text
    assert "Classes" not in page.text
    charts = [chart["aria-label"] or "" for chart in page.all("svg")]
    assert any(chart.startswith("Mean absolute error: test from 3.5") for chart in charts)
    assert any(chart.startswith("Loss") for chart in charts)


def test_a_run_that_was_not_evaluated_says_so() -> None:
    assert "Mean absolute error unknown: no test or validation image has a label" in text_of(
        replace(made(), metrics={})
    )
    validated = replace(made(), metrics={"val": {"mae": 1.0, "num_images": 5}})
    assert "on 5 validation images There is no test split" in text_of(validated)


def test_of_several_runs_the_one_with_the_lowest_error_leads() -> None:
    text = text_of(made("worse", 4.0), made("better", 3.0))
    assert "better has the lowest mean absolute error, 3.00." in text
    assert "run method labels mean absolute error evaluated on accepted labels time" in text
    assert "better ridge 20 images 3.00 200 test images – 1 s" in text


def test_the_verdict_names_the_figure() -> None:
    assert Regress.verdict(made().metrics) == ["mean absolute error 3.50 on 200 test images"]
    assert Regress.verdict({}) == []


def test_runs_have_data_of_their_own_on_a_page_of_several() -> None:
    page = Page(render([Regress(made(str(number))) for number in range(3)]))
    assert [script["id"] for script in page.all("script")] == ["fewlabels-run", "fewlabels-run-2", "fewlabels-run-3"]


def test_own_content_has_its_section_and_is_read_back(tmp_path: Path) -> None:
    run = made(own=Range(1.0, 99.0))
    page = tmp_path / "report.html"
    page.write_text(render([RegressInRange(run)]), encoding="utf-8")
    assert "Range of the labels 1.0 to 99.0 & more" in Page(page.read_text()).text
    assert read_face(page, lambda name: {"regress": RegressInRange}[name]).run == run


def test_own_content_that_refuses_its_values_is_damaged(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text(render([RegressInRange(made(own=Range(1.0, 99.0)))]).replace("99.0", "0.5"), encoding="utf-8")
    with pytest.raises(UserError, match="contains damaged data"):
        read_face(page, lambda name: RegressInRange)


def test_a_sentence_of_a_task_is_text() -> None:
    class Hostile(Regress):
        def headline(self) -> str:
            return HOSTILE

        def accepted(self) -> str:
            return HOSTILE

        def limitations(self) -> Sequence[str]:
            return [HOSTILE]

    page = Page(render([Hostile(made())]))
    assert page.text.count(HOSTILE) == 3
    assert {script["type"] for script in page.all("script")} == {"application/json"}
