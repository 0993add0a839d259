"""Training with every label there is: the last column of the papers' tables."""

import csv
from pathlib import Path

from tests.cli.conftest import FAST, Call


def test_all_labels_are_used_and_the_pool_is_all_training_images(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "run"
    words = ("digits", "--method", "fixmatch", "--label-fraction", "1.0", "--method.mu", "2", "--out", out, *FAST)
    answer = call("train", *words)
    assert answer.code == 0, answer.err
    with (out / "labels.csv").open(newline="") as lines:
        given = [row["given"] for row in csv.DictReader(lines) if row["split"] == "train"]
    assert len(given) == 1348
    assert all(given)


def test_all_labels_leave_nothing_for_a_pool_of_unlabelled_images(call: Call, tmp_path: Path) -> None:
    words = ("digits", "--method", "fixmatch", "--label-fraction", "1.0", "--pool", "unlabelled")
    answer = call("train", *words, "--out", tmp_path / "run", *FAST)
    assert "no unlabelled image is left with --pool unlabelled; use --pool all" in answer.error
    assert not (tmp_path / "run").exists()
