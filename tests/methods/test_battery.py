"""What must hold for every method there is, and for every one that is ever added."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.tiny import STEPS, sha256, stop_after, tiny_options, write_tiny

from fewlabels.cli.methods import describe
from fewlabels.errors import Interrupted
from fewlabels.methods.catalogue import load_method, method_files, parameter_names
from fewlabels.run import train

METHODS = list(method_files())
TRAINING = [name for name in METHODS if load_method(name).trains]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


def silent(_: str) -> None:
    pass


@pytest.fixture(scope="module")
def finished(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One uninterrupted run of each method."""
    folder = tmp_path_factory.mktemp("runs")
    return {name: train(tiny_options(root, name, folder / name), say=silent) for name in METHODS}


@pytest.mark.parametrize("name", METHODS)
def test_a_run_leaves_everything_it_promises(finished: dict[str, Path], name: str) -> None:
    files = {entry.name for entry in finished[name].iterdir()}
    promised = {"config.yaml", "metrics.json", "history.csv", "labels.csv", "model.safetensors", "model.json"}
    assert files == promised | {"checkpoint", "report.html"}
    metrics = json.loads((finished[name] / "metrics.json").read_text())
    assert set(metrics) >= {"test", "val", "train"}
    assert 0 <= metrics["test"]["accuracy"] <= 1
    assert metrics["train"]["steps"] == (STEPS if name in TRAINING else 0)


@pytest.mark.parametrize("name", TRAINING)
def test_training_changes_the_weights_and_the_averaged_ones(finished: dict[str, Path], name: str) -> None:
    def state(step: int) -> dict[str, torch.Tensor]:
        return load_file(finished[name] / "checkpoint" / f"step-{step:09d}" / "tensors.safetensors")

    before, after = state(0), state(STEPS)
    for part in ("method/model.", "average/shadow."):
        weights = [k for k in after if k.startswith(part) and k.endswith("weight")]
        assert weights
        assert all(not torch.equal(before[k], after[k]) for k in weights)


@pytest.mark.parametrize("name", TRAINING)
def test_batch_statistics_move_as_often_as_the_method_says(finished: dict[str, Path], name: str) -> None:
    state = load_file(finished[name] / "checkpoint" / f"step-{STEPS:09d}" / "tensors.safetensors")
    passes = {int(t) for k, t in state.items() if k.startswith("method/model.") and k.endswith("num_batches_tracked")}
    method = load_method(name)
    if method.renews == "weights":  # and the count with them
        assert 0 < max(passes) < STEPS * method.statistics_passes
    else:
        assert passes == {STEPS * method.statistics_passes}


@pytest.mark.parametrize("stop", [1, STEPS // 2, STEPS])
@pytest.mark.parametrize("name", TRAINING)
def test_a_stopped_run_resumes_bit_for_bit(
    root: Path, finished: dict[str, Path], tmp_path: Path, name: str, stop: int
) -> None:
    options = tiny_options(root, name, tmp_path / "run")
    with stop_after(stop), pytest.raises(Interrupted):
        train(options, say=silent)
    lines: list[str] = []
    train(options, resume=True, say=lines.append)
    assert f"resuming at step {stop}" in lines
    for file in ("model.safetensors", "labels.csv"):
        assert sha256(tmp_path / "run" / file) == sha256(finished[name] / file)
    figures = [json.loads((run / "metrics.json").read_text()) for run in (tmp_path / "run", finished[name])]
    assert figures[0]["test"] == figures[1]["test"]


@pytest.mark.parametrize("name", METHODS)
def test_a_method_describes_itself(name: str) -> None:
    text = describe(name)
    assert load_method(name).paper in text
    for parameter in parameter_names(name):
        assert f"--method.{parameter}" in text


@pytest.mark.parametrize("name", METHODS)
def test_every_hyper_parameter_says_what_it_is(name: str) -> None:
    from dataclasses import fields

    declared = fields(load_method(name).hyperparameters)
    assert [f.name for f in declared] == parameter_names(name)
    assert all(f.metadata["help"] for f in declared)


@pytest.mark.parametrize("name", TRAINING)
def test_another_seed_gives_other_weights(root: Path, finished: dict[str, Path], tmp_path: Path, name: str) -> None:
    other = train(tiny_options(root, name, tmp_path / "other", seed=1, label_seed=0), say=silent)
    assert sha256(other / "model.safetensors") != sha256(finished[name] / "model.safetensors")


@pytest.mark.parametrize("name", METHODS)
def test_frozen_training_leaves_the_trunk_alone(root: Path, tmp_path: Path, name: str) -> None:
    if name in TRAINING:
        run = train(tiny_options(root, name, tmp_path / "run", freeze=True, ema=0.0), say=silent)
    else:
        run = train(tiny_options(root, name, tmp_path / "run"), say=silent)
    states = [load_file(p / "tensors.safetensors") for p in sorted((run / "checkpoint").glob("step-*"))]
    trunk = [k for k in states[-1] if k.startswith("method/model.") and ".backbone." in k]
    assert trunk
    assert all(torch.equal(states[0][k], states[-1][k]) for k in trunk)
    if name in TRAINING:
        heads = [k for k in states[-1] if k.startswith("method/model.") and k.endswith("head.weight")]
        assert heads
        assert all(not torch.equal(states[0][k], states[-1][k]) for k in heads)
    shutil.rmtree(run)
