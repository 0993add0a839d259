"""history.csv is written while a run trains, and a resumed run cuts it to the step it continues from."""

import csv
from pathlib import Path

import pytest
from tests.tiny import stop_after, tiny_options, write_tiny

from fewlabels.errors import Interrupted
from fewlabels.run.train import train


def steps_of(run: Path) -> list[int]:
    with (run / "history.csv").open(newline="") as lines:
        return [int(row["step"]) for row in csv.DictReader(lines)]


def silent(_: str) -> None:
    pass


def test_every_evaluation_is_in_the_file_before_the_run_ends(tmp_path: Path) -> None:
    options = tiny_options(write_tiny(tmp_path), "fixmatch", tmp_path / "run", steps=6, eval_every=2)
    with stop_after(5), pytest.raises(Interrupted):
        train(options, say=silent)
    assert steps_of(tmp_path / "run") == [2, 4]


def test_rows_after_the_checkpoint_are_dropped_when_the_run_is_resumed(tmp_path: Path) -> None:
    options = tiny_options(write_tiny(tmp_path), "fixmatch", tmp_path / "run", steps=6, eval_every=2)
    with stop_after(3), pytest.raises(Interrupted):
        train(options, say=silent)
    file = tmp_path / "run" / "history.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[-1].replace("2,", "4,", 1)]) + "\n")
    assert steps_of(tmp_path / "run") == [2, 4]
    train(options, resume=True, say=silent)
    assert steps_of(tmp_path / "run") == [2, 4, 6]
