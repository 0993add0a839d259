"""Run folders of version 0.1.0 still open in predict, evaluate, label and report."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path

import pytest

from fewlabels.cli.main import main
from fewlabels.methods.catalogue import load_method

FIXTURES = Path(__file__).parents[1] / "fixtures" / "version-0.1.0"
IMAGES = FIXTURES / "images"
TASKS = ("classify", "multilabel", "localize")
ROUNDING = 1e-4
"""Another processor computes the same float32 network with other rounding."""

Call = Callable[..., str]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def run(*words: object) -> str:
        assert main([str(word) for word in words]) == 0, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("task", TASKS)
def test_predict_gives_what_the_ledger_holds(task: str, call: Call) -> None:
    def key(row: dict[str, str]) -> tuple[str, str]:
        return row["path"], row.get("class", "")

    predicted = {key(row): row for row in rows(call("predict", FIXTURES / task, IMAGES, "--device", "cpu"))}
    ledger = [row for row in rows((FIXTURES / task / "labels.csv").read_text()) if not row["given"]]
    assert len(ledger) >= 24
    for row in ledger:
        found = predicted[key(row)]
        assert found["label"] == row["label"]
        assert float(found["confidence"]) == pytest.approx(float(row["confidence"]), abs=ROUNDING)


@pytest.mark.parametrize("task", TASKS)
def test_evaluate_gives_the_stored_figures(task: str, call: Call) -> None:
    words = ("--labels", IMAGES / "marks.csv") if task == "multilabel" else ()
    text = call("evaluate", FIXTURES / task, IMAGES, *words, "--split", "test", "--device", "cpu")
    figures = dict(line.split() for line in text.splitlines())
    stored = json.loads((FIXTURES / task / "metrics.json").read_text())["test"]
    name = "mAP" if task == "multilabel" else "accuracy"
    assert float(figures[name]) == pytest.approx(stored[name], abs=ROUNDING)


@pytest.mark.parametrize("task", TASKS)
def test_label_writes_the_pseudo_labels(task: str, call: Call) -> None:
    assert len(rows(call("label", FIXTURES / task))) >= 12


@pytest.mark.parametrize("task", TASKS)
def test_a_report_is_rendered_again(task: str, tmp_path: Path, call: Call) -> None:
    shutil.copytree(FIXTURES / task, tmp_path / task)
    call("report", tmp_path / task)
    page = (tmp_path / task / "report.html").read_text(encoding="utf-8")
    method = {"classify": "fixmatch", "multilabel": "bce", "localize": "cam"}[task]
    assert escape(load_method(method, task).title) in page


def test_runs_of_all_tasks_share_a_page(tmp_path: Path, call: Call) -> None:
    call("report", *(FIXTURES / task for task in TASKS), "--out", tmp_path / "page.html")
    assert "of different tasks" in (tmp_path / "page.html").read_text(encoding="utf-8")
