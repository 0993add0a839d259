"""Pages of version 0.1.0 are read into the present layout without loss."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.report.pages import page_of, read

from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.content.localize import LocalizeContent
from fewlabels.report.content.multilabel import MultilabelContent
from fewlabels.report.summary import RunSummary

FIXTURES = Path(__file__).parents[1] / "fixtures" / "version-0.1.0"


def page(task: str) -> Path:
    return FIXTURES / task / "report.html"


def stored(task: str) -> dict[str, Any]:
    """The data in the page, as they are."""
    (island,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page(task).read_text("utf-8"))
    return json.loads(island)


@pytest.mark.parametrize("task", ["classify", "multilabel", "localize"])
def test_the_task_and_the_method_are_found(task: str) -> None:
    run, data = read(page(task)), stored(task)
    assert "task" not in data
    assert (run.task, run.name, run.classes) == (task, data["name"], data["classes"])
    assert run.method.title == data["config"]["title"]
    assert "title" not in run.config
    assert run.config["seed"] == data["config"]["seed"]
    assert (run.metrics, run.history) == (data["metrics"], data["history"])


def test_the_content_of_classify_is_kept() -> None:
    run, data = read(page("classify")), stored("classify")
    assert type(run.own) is ClassifyContent
    own = run.to_dict()["own"]
    for name in ("confusion", "label_counts", "pseudo_counts", "most_confident", "least_confident", "doubted"):
        assert own[name] == data[name]
    for name in ("embedding", "maps", "perturbed"):
        assert own[name] == data["looking"][name]
    assert own["pool_includes_labelled"] == data["config"]["pool_includes_labelled"]


def test_the_content_of_multilabel_is_kept() -> None:
    run, data = read(page("multilabel")), stored("multilabel")
    assert type(run.own) is MultilabelContent
    assert run.to_dict()["own"] == data["marking"] | {
        name: data[name] for name in ("label_counts", "pseudo_counts", "doubted")
    }


def test_the_content_of_localize_is_kept() -> None:
    run, data = read(page("localize")), stored("localize")
    assert type(run.own) is LocalizeContent
    boxing = run.to_dict()["own"]["boxing"]
    later = [boxing.pop("other_map"), *(one.pop("other") for one in (*boxing["images"], *boxing["unsure"]))]
    assert not any(later)
    assert boxing == data["boxing"]
    assert run.to_dict()["own"]["confusion"] == data["confusion"]


@pytest.mark.parametrize("task", ["classify", "multilabel", "localize"])
def test_the_new_page_is_read_back_unchanged(task: str, tmp_path: Path) -> None:
    def again(run: RunSummary) -> RunSummary:
        (tmp_path / "report.html").write_text(page_of(run), encoding="utf-8")
        return read(tmp_path / "report.html")

    assert again(read(page(task))) == read(page(task))
