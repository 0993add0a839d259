"""A run that is stopped, in any way and at any moment, goes on to the very bytes it would have come to."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from tests.cli.conftest import MACHINE, Call
from tests.tiny import sha256, tiny_options, write_tiny

from fewlabels.options import TrainOptions
from fewlabels.run.train import train
from fewlabels.training import checkpoint
from fewlabels.training.checkpoint import Checkpoint

STEPS = 320


class Kill(BaseException):
    """No handler of ours catches it, as none catches SIGKILL."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


def command(root: Path, out: Path) -> list[str]:
    return [
        "train", "mnist", "--root", str(root), "--method", "pseudo-label", "--out", str(out), "--num-labels", "6",
        "--batch-size", "2", "--steps", str(STEPS), "--eval-every", "50", *MACHINE,
    ]  # fmt: skip


class Story(NamedTuple):
    """A run that was killed, went on, was asked to stop, and is not finished."""

    root: Path
    run: Path
    resumed: str
    killed_code: int
    stopped_code: int
    stopped_error: str


def start(words: list[str]) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "fewlabels", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip


def wait_for(step: int, run: Path, process: subprocess.Popen[str]) -> None:
    """Until there is a checkpoint of that step or a later one."""
    end = time.monotonic() + 120
    while not any(place.name >= f"step-{step:09d}" for place in (run / "checkpoint").glob("step-*")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, f"step {step} never came"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def story(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    run = tmp_path_factory.mktemp("killed") / "run"
    first = start(command(root, run))
    wait_for(100, run, first)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    second = start([*command(root, run), "--resume"])
    wait_for(200, run, second)
    os.kill(second.pid, signal.SIGTERM)
    said, error = second.communicate()
    return Story(root, run, said, first.returncode, second.returncode, error)


def step_of(line_of: str) -> int:
    (line,) = [line for line in line_of.splitlines() if line.startswith("resuming at step ")]
    return int(line.rsplit(" ", 1)[1])


def test_after_a_kill_only_the_rest_is_done(story: Story) -> None:
    assert story.killed_code == -signal.SIGKILL
    assert 100 <= step_of(story.resumed) < STEPS
    assert step_of(story.resumed) < 200


def test_sigterm_saves_a_checkpoint_and_exits_with_143(story: Story) -> None:
    assert story.stopped_code == 143
    assert story.stopped_error.count("\n") == 1
    assert "--resume" in story.stopped_error
    assert max(p.name for p in (story.run / "checkpoint").glob("step-*")) >= "step-000000200"
    assert not (story.run / "metrics.json").exists()


def test_the_run_comes_to_the_bytes_of_one_that_was_never_stopped(call: Call, story: Story, tmp_path: Path) -> None:
    answer = call(*command(story.root, story.run), "--resume")
    assert answer.code == 0, answer.err
    assert 200 <= step_of(answer.out) < STEPS
    assert call(*command(story.root, tmp_path / "whole")).code == 0
    for name in ("model.safetensors", "labels.csv"):
        assert sha256(story.run / name) == sha256(tmp_path / "whole" / name)
    figures = [json.loads((run / "metrics.json").read_text()) for run in (story.run, tmp_path / "whole")]
    assert figures[0]["test"] == figures[1]["test"]
    assert figures[0]["train"]["steps"] == STEPS


def test_resuming_a_finished_run_does_nothing_again(call: Call, root: Path, tmp_path: Path) -> None:
    options = tiny_options(root, "supervised", tmp_path / "run")
    train(options, say=lambda _: None)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")}
    lines: list[str] = []
    train(options, resume=True, say=lines.append)
    assert lines == [f"{tmp_path / 'run'} is finished; nothing to resume"]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*")} == before


def train_until(options: TrainOptions, replacement: int, monkeypatch: pytest.MonkeyPatch, resume: bool = False) -> bool:
    """Train and be killed as the given file is about to get its name; False where there are not so many files."""
    replace, seen = os.replace, [-1]

    def dying(source: Path, target: Path) -> None:
        seen[0] += 1
        if seen[0] == replacement:
            if Path(source).is_file():  # our `finally` takes the draft away, a kill does not
                shutil.copy(source, Path(source).with_name(Path(source).name.replace(str(os.getpid()), "999")))
            raise Kill
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", dying)
        try:
            train(options, resume, say=lambda _: None)
        except Kill:
            return True
    return False


def test_a_kill_at_any_file_of_a_run_leaves_a_folder_that_resumes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tiny_options(root, "supervised", tmp_path / "whole"), say=lambda _: None)
    for number in range(100):
        options = tiny_options(root, "supervised", tmp_path / f"run-{number}")
        if not train_until(options, number, monkeypatch):
            break
        train(options, resume=True, say=lambda _: None)
        for name in ("model.safetensors", "labels.csv", "model.json"):
            assert sha256(tmp_path / f"run-{number}" / name) == sha256(whole / name), number
        assert (tmp_path / f"run-{number}" / "metrics.json").is_file()
    assert number >= 9  # configuration, ledger, two checkpoints, five files of the end


def make(step: int) -> Checkpoint:
    return Checkpoint(step, {"method/w": torch.full((3,), float(step))}, {"seconds": 1.0, "history": [{"step": step}]})


EVENTS = [
    (checkpoint, "save_file"), (checkpoint, "flush"), (checkpoint, "_sha256"), (checkpoint.os, "replace"),
    (checkpoint.shutil, "rmtree"), (Path, "write_text"), (Path, "mkdir"),
]  # fmt: skip


def save_until(folder: Path, step: int, event: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Save and be killed at the given write; False where there are not so many."""
    seen = [-1]

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            seen[0] += 1
            if seen[0] == event:
                raise Kill
            return function(*arguments, **named)

        return call

    with monkeypatch.context() as patch:
        for owner, name in EVENTS:
            patch.setattr(owner, name, deadly(getattr(owner, name)))
        try:
            checkpoint.save(folder, make(step))
        except Kill:
            return True
    return False


def test_a_kill_at_any_moment_of_a_save_leaves_a_checkpoint_to_resume_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    for event in range(100):
        folder = tmp_path / str(event)
        checkpoint.save(folder, make(100))
        checkpoint.save(folder, make(200))
        if not save_until(folder, 300, event, monkeypatch):
            break
        found = checkpoint.load(folder)
        assert found is not None
        assert found.tensors["method/w"].tolist() == [float(found.step)] * 3
        assert found.state == {"seconds": 1.0, "history": [{"step": found.step}]}
        steps.append(found.step)
        checkpoint.save(folder, make(400))
        after = checkpoint.load(folder)
        assert after is not None
        assert after.step == 400
        assert len(list(folder.iterdir())) == 2
    assert steps == sorted(steps)
    assert set(steps) == {200, 300}
    assert len(steps) >= 8
