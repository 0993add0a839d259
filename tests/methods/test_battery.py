"""Properties that hold for every method."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.tiny import CASES, STEPS, TRAINING, Case, case_options, sha256, stop_after, tiny_dataset, write_tiny

from fewlabels.cli.methods import describe
from fewlabels.errors import Interrupted
from fewlabels.methods.catalogue import parameter_names
from fewlabels.options import TrainOptions
from fewlabels.run.train import train


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


def silent(_: str) -> None:
    pass


def run(options: TrainOptions, resume: bool = False, say: Callable[[str], None] = silent) -> Path:
    assert options.task is not None
    return train(options, resume, say, tiny_dataset(options.task))


@pytest.fixture(scope="module")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Case, Path]:
    """Return the folder of one uninterrupted run of each method."""
    folder = tmp_path_factory.mktemp("runs")
    return {case: run(case_options(root, case, folder / str(case))) for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_run_writes_all_files_and_metrics(finished: dict[Case, Path], case: Case) -> None:
    files = {entry.name for entry in finished[case].iterdir()}
    promised = {"config.yaml", "metrics.json", "history.csv", "labels.csv", "model.safetensors", "model.json"}
    assert files == promised | {"checkpoint", "report.html"}
    metrics = json.loads((finished[case] / "metrics.json").read_text())
    assert set(metrics) >= {"test", "val", "train"}
    assert 0 <= metrics["test"]["mAP" if case.task == "multilabel" else "accuracy"] <= 1
    assert metrics["train"]["steps"] == (STEPS if case in TRAINING else 0)


@pytest.mark.parametrize("case", TRAINING, ids=str)
def test_training_changes_the_weights_and_their_average(finished: dict[Case, Path], case: Case) -> None:
    def state(step: int) -> dict[str, torch.Tensor]:
        return load_file(finished[case] / "checkpoint" / f"step-{step:09d}" / "tensors.safetensors")

    before, after = state(0), state(STEPS)
    for part in ("method/model.", "average/shadow."):
        weights = [k for k in after if k.startswith(part) and k.endswith("weight")]
        assert weights
        assert all(not torch.equal(before[k], after[k]) for k in weights)


@pytest.mark.parametrize("case", TRAINING, ids=str)
def test_batch_statistics_are_updated_as_often_as_the_method_declares(finished: dict[Case, Path], case: Case) -> None:
    state = load_file(finished[case] / "checkpoint" / f"step-{STEPS:09d}" / "tensors.safetensors")
    passes = {int(t) for k, t in state.items() if k.startswith("method/model.") and k.endswith("num_batches_tracked")}
    method = case.method
    if method.reset_each_round == "weights":  # the count is reset as well
        assert 0 < max(passes) < STEPS * method.statistics_passes
    elif method.has_unused_parameters:  # a network is trained, or its statistics are updated, in some rounds only
        assert 0 < min(passes) <= max(passes) <= STEPS * method.statistics_passes
    else:
        assert passes == {STEPS * method.statistics_passes}


@pytest.mark.parametrize("stop", [1, STEPS // 2, STEPS])
@pytest.mark.parametrize("case", TRAINING, ids=str)
def test_a_stopped_run_resumes_bit_for_bit(
    root: Path, finished: dict[Case, Path], tmp_path: Path, case: Case, stop: int
) -> None:
    options = case_options(root, case, tmp_path / "run")
    with stop_after(stop), pytest.raises(Interrupted):
        run(options)
    lines: list[str] = []
    run(options, resume=True, say=lines.append)
    assert f"resuming at step {stop}" in lines
    for file in ("model.safetensors", "labels.csv"):
        assert sha256(tmp_path / "run" / file) == sha256(finished[case] / file)
    figures = [json.loads((run / "metrics.json").read_text()) for run in (tmp_path / "run", finished[case])]
    assert figures[0]["test"] == figures[1]["test"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_method_describes_itself(case: Case) -> None:
    text = describe(case.name, case.task)
    assert case.method.paper in text
    for parameter in parameter_names(case.name, case.task):
        assert f"--method.{parameter}" in text


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_hyper_parameter_has_a_help_text(case: Case) -> None:
    from dataclasses import fields

    declared = fields(case.method.hyperparameters)
    assert [f.name for f in declared] == parameter_names(case.name, case.task)
    assert all(f.metadata["help"] for f in declared)


@pytest.mark.parametrize("case", TRAINING, ids=str)
def test_another_seed_gives_other_weights(root: Path, finished: dict[Case, Path], tmp_path: Path, case: Case) -> None:
    other = run(case_options(root, case, tmp_path / "other", seed=1, label_seed=0))
    assert sha256(other / "model.safetensors") != sha256(finished[case] / "model.safetensors")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_frozen_training_does_not_change_the_trunk(root: Path, tmp_path: Path, case: Case) -> None:
    if case in TRAINING:
        folder = run(case_options(root, case, tmp_path / "run", freeze=True, ema=0.0))
    else:
        folder = run(case_options(root, case, tmp_path / "run"))
    states = [load_file(p / "tensors.safetensors") for p in sorted((folder / "checkpoint").glob("step-*"))]
    trunk = [k for k in states[-1] if k.startswith("method/model.") and ".backbone." in k]
    assert trunk
    assert all(torch.equal(states[0][k], states[-1][k]) for k in trunk)
    if case in TRAINING:
        heads = [k for k in states[-1] if k.startswith("method/model.") and k.endswith("head.weight")]
        assert heads
        assert all(not torch.equal(states[0][k], states[-1][k]) for k in heads)
    shutil.rmtree(folder)
