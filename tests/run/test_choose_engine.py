"""Which engine computes a frozen backbone, and that a run keeps it."""

import csv
import json
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch
import yaml
from safetensors.torch import load_file
from tests.tiny import Case, case_options, stop_after, tiny_options, write_tiny

from fewlabels.errors import Interrupted, UserError
from fewlabels.models.engines import openvino_engine, openvino_program
from fewlabels.models.engines.openvino_engine import OpenVinoEngine
from fewlabels.run import choose_engine as chosen
from fewlabels.run.choose_engine import choose_engine
from fewlabels.run.evaluate import evaluate
from fewlabels.run.train import train

CPU, GPU = torch.device("cpu"), torch.device("cuda")

needs_openvino = pytest.mark.skipif(
    not openvino_program.is_installed(), reason="OpenVINO (the extra `fast`) is not installed"
)


@pytest.fixture
def installed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO seems to be installed, or not if the parameter says so."""
    monkeypatch.setattr(openvino_program, "is_installed", lambda: getattr(request, "param", True))


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("device", "freeze", "side", "images", "engine"),
    [
        (CPU, True, 224, 500, "openvino"),
        (CPU, True, 224, 499, "torch"),
        (CPU, True, 448, 125, "openvino"),
        (CPU, True, 112, 1999, "torch"),
        (CPU, False, 224, 5000, "torch"),
        (GPU, True, 224, 5000, "torch"),
    ],
)
def test_auto_converts_a_frozen_backbone_where_enough_images_pass_it_on_a_cpu(
    device: torch.device, freeze: bool, side: int, images: int, engine: str
) -> None:
    assert choose_engine("auto", device, freeze, side, images) == engine
    assert choose_engine("torch", device, freeze, side, images) == "torch"


@pytest.mark.parametrize("installed", [False], indirect=True)
def test_without_openvino_auto_takes_torch_and_openvino_is_refused(installed: None) -> None:
    assert choose_engine("auto", CPU, True, 224, 5000) == "torch"
    with pytest.raises(UserError, match=r'pip install "fewlabels\[fast\]"'):
        choose_engine("openvino", CPU, True, 224, 5000)


@pytest.mark.usefixtures("installed")
def test_openvino_is_refused_where_it_can_not_be_used() -> None:
    with pytest.raises(UserError, match="not on cuda"):
        choose_engine("openvino", GPU, True, 224, 5000)
    with pytest.raises(UserError, match="add --freeze"):
        choose_engine("openvino", CPU, False, 224, 5000)


def config_of(run: Path) -> dict[str, Any]:
    return yaml.safe_load((run / "config.yaml").read_text())


def labels_of(run: Path) -> list[tuple[str, str]]:
    with (run / "labels.csv").open() as lines:
        return [(row["path"], row["label"]) for row in csv.DictReader(lines)]


@needs_openvino
@pytest.mark.parametrize(
    "case", [Case("classify", "linear-probe"), Case("classify", "fixmatch"), Case("localize", "map-probe")], ids=str
)
def test_both_engines_give_the_same_labels(tmp_path: Path, case: Case) -> None:
    root, said = write_tiny(tmp_path), []
    for engine in ("torch", "openvino"):
        options = case_options(root, case, tmp_path / engine, freeze=True, engine=engine)
        train(options, say=said.append)
        assert config_of(tmp_path / engine)["engine"] == engine
        assert json.loads((tmp_path / engine / "model.json").read_text())["engine"] == engine
    assert not [line for line in said if "OpenVINO" in line]
    assert labels_of(tmp_path / "torch") == labels_of(tmp_path / "openvino")


@needs_openvino
def test_auto_is_torch_for_few_images(tmp_path: Path) -> None:
    train(tiny_options(write_tiny(tmp_path), "linear-probe", tmp_path / "run"), say=lambda _: None)
    assert config_of(tmp_path / "run")["engine"] == "torch"


@needs_openvino
def test_a_resumed_run_keeps_the_engine_and_ends_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chosen, "ENOUGH", 0)
    root = write_tiny(tmp_path)
    for name in ("whole", "stopped"):
        monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / f"cache-{name}"))
        options = case_options(root, Case("localize", "cam"), tmp_path / name, freeze=True, steps=6)
        if name == "stopped":
            with stop_after(3), pytest.raises(Interrupted):
                train(options, say=lambda _: None)
            monkeypatch.setattr(chosen, "ENOUGH", 10**9)  # chosen again, it would be torch
        train(options, resume=name == "stopped", say=lambda _: None)
        assert config_of(tmp_path / name)["engine"] == "openvino"
    whole, stopped = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(whole[key], stopped[key]) for key in whole)
    assert (tmp_path / "whole" / "labels.csv").read_bytes() == (tmp_path / "stopped" / "labels.csv").read_bytes()


@needs_openvino
def test_cached_features_of_one_engine_are_not_read_by_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But by the next run with the same engine."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    root, files = write_tiny(tmp_path), []
    for name, engine in (("a", "torch"), ("b", "openvino"), ("c", "openvino")):
        train(tiny_options(root, "linear-probe", tmp_path / name, engine=engine), say=lambda _: None)
        files.append(len(list((tmp_path / "cache" / "embeddings").iterdir())))
    assert files[1] == files[2] == 2 * files[0] > 0
    assert (tmp_path / "b" / "labels.csv").read_bytes() == (tmp_path / "c" / "labels.csv").read_bytes()


@needs_openvino
def test_a_backbone_that_can_not_be_converted_is_reported_once_and_computed_by_torch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError("no such operation")

    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    openvino_engine._PROGRAMS.clear()
    monkeypatch.setattr(openvino_engine, "Program", type("Program", (), {"__init__": fail}))
    root, said = write_tiny(tmp_path), []
    train(tiny_options(root, "linear-probe", tmp_path / "run", engine="openvino"), say=said.append)
    openvino_engine._PROGRAMS.clear()
    train(tiny_options(root, "linear-probe", tmp_path / "torch", engine="torch"), say=lambda _: None)
    assert len([line for line in said if "torch is used instead" in line]) == 1
    assert (tmp_path / "run" / "labels.csv").read_bytes() == (tmp_path / "torch" / "labels.csv").read_bytes()


@needs_openvino
@pytest.mark.parametrize("enough", [0, 10**9])
def test_evaluate_uses_the_engine_of_the_run_where_it_pays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, enough: int
) -> None:
    root, asked = write_tiny(tmp_path), []
    train(tiny_options(root, "linear-probe", tmp_path / "run", engine="openvino"), say=lambda _: None)
    program = OpenVinoEngine._program
    monkeypatch.setattr(OpenVinoEngine, "_program", lambda *args: asked.append(1) or program(*args))
    monkeypatch.setattr(chosen, "ENOUGH", enough)
    figures = evaluate(tmp_path / "run", "mnist", "test", root=str(root), device="cpu")
    assert bool(asked) == (enough == 0)
    stored = json.loads((tmp_path / "run" / "metrics.json").read_text())["test"]
    assert figures["accuracy"] == pytest.approx(stored["accuracy"])
