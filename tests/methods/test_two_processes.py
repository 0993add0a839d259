"""One process and two processes give the same losses; all methods share one pair of processes."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.methods.two_processes import choose_and_train, learn_found_boxes, train_all
from tests.tiny import TRAINING, Case, sha256, write_pretrained, write_tiny

ALIKE = [case for case in TRAINING if not case.method.network(case.method.hyperparameters()).attention_maps]
"""All but those whose network has batch statistics whatever the backbone: each process normalises its own part."""
TOLERANCE = 2e-9
"""The runs compute in float64, where other sums of the same numbers differ by less than the ninth decimal, which is
the last in history.csv. In float32 the difference depends on the processor: two images and four take other kernels."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return the folders of the runs by one process and by two."""
    root = write_pretrained(tmp_path_factory.mktemp("data"))
    write_tiny(root, train=30, test=6)  # evaluation takes most of the time
    one, two = tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("two")
    train_all(root, one)
    choose_and_train(root, one)
    learn_found_boxes(root, one)
    repository = Path(__file__).parents[2]
    script = Path(__file__).with_name("two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = os.environ | {"PYTHONPATH": str(repository)}
    done = subprocess.run(
        [*command, str(root), str(two)], env=environment, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr  # the failed process prints its error above torchrun's summary
    return one, two


def history(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "history.csv").open()))


@pytest.mark.parametrize("case", TRAINING, ids=str)
def test_the_runs_compute_in_float64(runs: tuple[Path, Path], case: Case) -> None:
    """No method or network makes float32 of a number that it is given."""
    for folder in runs:
        state = load_file(folder / str(case) / "checkpoint" / "step-000000003" / "tensors.safetensors")
        assert any(tensor.dtype == torch.float64 for tensor in state.values())
        assert [name for name, tensor in state.items() if tensor.dtype == torch.float32] == []


@pytest.mark.parametrize("case", ALIKE, ids=str)
def test_two_processes_give_the_losses_of_one(runs: tuple[Path, Path], case: Case) -> None:
    one, two = (history(folder / str(case)) for folder in runs)
    assert len(one) == len(two) == 3
    for row, other in zip(one, two, strict=True):
        for column in row:
            if column.startswith("loss"):
                assert bool(other[column]) == bool(row[column])  # a term may be missing in a round
            if column.startswith("loss") and row[column]:
                assert float(other[column]) == pytest.approx(float(row[column]), abs=TOLERANCE)


@pytest.mark.parametrize("case", [case for case in TRAINING if case.method.unlabelled_views], ids=str)
def test_two_processes_keep_the_same_pseudo_labels(runs: tuple[Path, Path], case: Case) -> None:
    one, two = (history(folder / str(case)) for folder in runs)
    shares, others = ([float(row.get("share_kept", -1)) for row in rows] for rows in (one, two))
    assert others == pytest.approx(shares, abs=TOLERANCE)


def test_two_processes_learn_the_boxes_of_another_run_as_one_does(runs: tuple[Path, Path]) -> None:
    """The boxes differ by what the runs of CAM differ by, rounded to a hundredth of a pixel in each ledger."""
    one, two = (history(folder / "learned") for folder in runs)
    for row, other in zip(one, two, strict=True):
        for term in ("loss/classification", "loss/regression"):
            assert float(other[term]) == pytest.approx(float(row[term]), abs=TOLERANCE)


def test_two_processes_choose_the_method_of_one_and_give_its_model(runs: tuple[Path, Path]) -> None:
    """Heads on cached features are fitted in float64, so nothing depends on the number of processes."""
    one, two = (folder / "auto" for folder in runs)
    chosen, others = (yaml.safe_load((run / "config.yaml").read_text())["record"]["auto"] for run in (one, two))
    assert others == chosen
    assert sha256(two / "model.safetensors") == sha256(one / "model.safetensors")
    assert sha256(two / "labels.csv") == sha256(one / "labels.csv")
