"""``--time``: what does not fit is left out and said so, by timings of the network and not by the clock."""

from pathlib import Path

import pytest
import torch
import yaml
from tests.tiny import tiny_options, write_pretrained, write_tiny

from fewlabels.errors import UserError
from fewlabels.options import TrainOptions, seconds_of, validate
from fewlabels.run import time_limit
from fewlabels.run.plan import Plan, make_plan
from fewlabels.run.time_limit import Fitted, fit_to_time
from fewlabels.run.train import train
from fewlabels.tasks.task import load_task


@pytest.mark.parametrize(("time", "expected"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("600", 600), (" 2 m", 120)])
def test_times_have_units(time: str, expected: float) -> None:
    assert seconds_of(time) == expected


@pytest.mark.parametrize("time", ["", "soon", "-5m", "0s", "5d", "1e3", "nan"])
def test_other_times_are_refused(time: str) -> None:
    with pytest.raises(UserError, match="give a time such as 90s, 10m or 2h"):
        validate(TrainOptions(data="digits", time=time))


def test_a_named_method_is_bounded_by_its_steps() -> None:
    with pytest.raises(UserError, match="--time is for --method auto"):
        validate(TrainOptions(data="digits", method="fixmatch", time="10m"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_tiny(write_pretrained(tmp_path))


def fitted(root: Path, method: str, seconds: float, monkeypatch: pytest.MonkeyPatch, **changes: object) -> Fitted:
    """Fit a run on 100 images, each of which takes a second."""
    options = tiny_options(root, method, root / "run", task="classify", **changes)
    task = load_task("classify")
    dataset = task.read(options)

    def plan(options: TrainOptions) -> Plan:
        return make_plan(options, task, dataset, torch.device("cpu"), 1, print)

    monkeypatch.setattr(time_limit, "seconds_per_image", lambda _: 1.0)
    return fit_to_time(options, seconds, plan, 100)


def test_steps_are_reduced_to_what_fits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # labelling takes 1.2 x 100 s, and a step of four labelled images 1.2 x 4 s
    found = fitted(root, "supervised", 120 + 500 * 4.8 + 1, monkeypatch, steps=1000)
    assert found.options.steps == 500
    assert found.notes == ("500 steps instead of 1000 fit in the time",)
    assert fitted(root, "supervised", 121 + 1000 * 4.8, monkeypatch, steps=1000).options.steps == 1000


def test_too_few_steps_are_refused_with_the_time_that_is_needed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"for 300 steps of supervised, 1560 s are .* --time 1561s"):
        fitted(root, "supervised", 600, monkeypatch, steps=1000)


def test_images_are_reduced_before_candidates_are_left_out(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "image_size": None}
    enough = fitted(root, "linear-probe", 200, monkeypatch, **own)  # 120 s for embedding, half of it for trying
    assert (enough.options.image_size, enough.hurried, enough.notes) == (None, False, ())
    hurried = fitted(root, "linear-probe", 150, monkeypatch, **own)
    assert hurried.hurried
    assert hurried.notes[0].startswith("graph-probe was left out")
    with pytest.raises(UserError, match=r"--time 1s is too short: for labelling 100 images, 120 s are estimated"):
        fitted(root, "linear-probe", 1, monkeypatch, **own)


def test_photographs_are_reduced_to_the_largest_size_that_fits(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "image_size": None}
    monkeypatch.setattr("fewlabels.run.plan.short_side", lambda _: 300)
    # 120 s at 224 px; 61 s at 160 px, and half of it for trying heads
    found = fitted(root, "linear-probe", 92, monkeypatch, **own)
    assert (found.options.image_size, found.hurried) == (192, True)
    found = fitted(root, "linear-probe", 62, monkeypatch, **own)
    assert found.options.image_size == 160
    assert found.notes[0] == "images of 160 px instead of 224 px fit in the time"
    with pytest.raises(UserError, match="120 s are estimated"):  # a size that the user gave is kept
        fitted(root, "linear-probe", 62, monkeypatch, **(own | {"image_size": 224}))


def test_what_was_left_out_is_part_of_the_reason(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "seconds_per_image", lambda _: 1.0)
    options = tiny_options(
        root, "auto", root / "run", weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=18,
        time="100s",
    )  # fmt: skip
    out = train(options, say=lambda _: None)
    config = yaml.safe_load((out / "config.yaml").read_text())
    choice = config["record"]["auto"]
    assert {trial["method"] for trial in choice["tried"]} == {"linear-probe"}
    assert "graph-probe was left out" in choice["reason"]
    assert config["time"] is None  # the decisions are in the configuration, so that it can be used again
    assert train(options, resume=True, say=lambda _: None) == out
