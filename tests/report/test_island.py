"""A run is read back from its page unchanged; damaged or hostile pages are refused in one sentence."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.report.pages import read, refused, written

from fewlabels.errors import UserError
from fewlabels.report.content.example import Example
from fewlabels.report.summary import RunSummary

HOSTILE = "</script><script>alert(1)</script><!-- <script"


def test_a_run_is_read_back_from_its_page(tmp_path: Path, summary: RunSummary) -> None:
    assert read(written(tmp_path / "report.html", summary)) == summary


def test_names_that_look_like_markup_are_read_back(tmp_path: Path, summary: RunSummary) -> None:
    hostile = replace(summary, name=HOSTILE, notes=[HOSTILE, "a & b", "\u2028"], config={HOSTILE: HOSTILE})
    assert read(written(tmp_path / "report.html", hostile)) == hostile


def test_numbers_that_are_not_finite_become_unknown(tmp_path: Path, summary: RunSummary) -> None:
    diverged = replace(summary, history=[{"step": 0, "loss": float("nan")}], metrics={"test": {"nll": float("inf")}})
    back = read(written(tmp_path / "report.html", diverged))
    assert back.history == [{"step": 0, "loss": None}]
    assert back.metrics == {"test": {"nll": None}}


def test_settings_of_any_type_are_stored_as_plain_values(summary: RunSummary) -> None:
    config = {"root": Path("a/b"), "sizes": (1, np.int64(2)), "rate": np.float32(0.5), "flip": None, "freeze": True}
    plain = replace(summary, config=config).to_dict()["config"]
    assert plain == {"root": "a/b", "sizes": [1, 2], "rate": 0.5, "flip": None, "freeze": True}


def test_an_image_from_elsewhere_is_refused() -> None:
    for image in ("https://example.org/a.png", "data:image/svg+xml;base64,AAAA", 'data:image/png;base64,AA" onload="x'):
        with pytest.raises(ValueError, match="PNG data URI"):
            Example("a.png", image, "cat", 0.5, None, None)


def test_a_page_that_points_elsewhere_is_refused(tmp_path: Path, summary: RunSummary) -> None:
    path = written(tmp_path / "report.html", summary)
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace('"image":"data:image/png;base64,', '"image":"https://example.org/', 1), encoding="utf-8"
    )
    with pytest.raises(UserError, match="damaged"):
        read(path)


@pytest.mark.parametrize(
    "island", ["", "{", "[]", "{}", "null", "NaN", "[" * 100_000, '{"name": "a"}', '{"task": "classify"}']
)
def test_damaged_data_are_refused(tmp_path: Path, island: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(f'<script type="application/json" id="fewlabels-run">{island}</script>', encoding="utf-8")
    with pytest.raises(UserError, match=r"report\.html contains damaged data"):
        read(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("history", [{"loss": "high"}]),
        ("history", 3),
        ("metrics", {"test": {"accuracy": [1]}}),
        ("metrics", {"test": {"accuracy": float("nan")}}),
        ("metrics", {"test": 3}),
        ("classes", "abc"),
        ("name", 3),
        ("notes", ["a", None]),
        ("config", []),
        ("own", []),
    ],
)
def test_data_of_another_shape_are_refused(tmp_path: Path, summary: RunSummary, key: str, value: object) -> None:
    refused(tmp_path, summary.to_dict() | {key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("confusion", [[1, 2]]),
        ("confusion", [["a"] * 10] * 10),
        ("label_counts", {"a": "many"}),
        ("label_counts", {"a": 1.5}),
        ("doubted", [{"path": "a"}]),
        ("most_confident", ["a"]),
    ],
)
def test_content_of_another_shape_is_refused(tmp_path: Path, summary: RunSummary, key: str, value: object) -> None:
    data = summary.to_dict()
    refused(tmp_path, data | {"own": data["own"] | {key: value}})


def test_a_task_that_does_not_exist_is_named(tmp_path: Path, summary: RunSummary) -> None:
    path = tmp_path / "report.html"
    data = json.dumps(summary.to_dict() | {"task": "clasify"})
    path.write_text(f'<script type="application/json" id="fewlabels-run">{data}</script>', encoding="utf-8")
    with pytest.raises(UserError, match=r"report\.html: there is no task 'clasify'; did you mean 'classify'\?"):
        read(path)


def test_a_page_of_several_runs_is_refused(tmp_path: Path, summary: RunSummary, other: RunSummary) -> None:
    with pytest.raises(UserError, match="2 runs instead of one"):
        read(written(tmp_path / "report.html", summary, other))


def test_another_page_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    path.write_text("<p>hello</p>", encoding="utf-8")
    with pytest.raises(UserError, match="0 runs instead of one"):
        read(path)


def test_missing_and_binary_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read"):
        read(tmp_path / "report.html")
    (tmp_path / "binary.html").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError, match="can't be read"):
        read(tmp_path / "binary.html")
