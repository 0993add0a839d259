"""Engines compute what torch computes."""

from collections.abc import Iterator
from copy import deepcopy
from typing import NoReturn

import pytest
import torch
from torch import Tensor

from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.engines import openvino_engine
from fewlabels.models.engines.attach import by_torch, use_engine
from fewlabels.models.engines.engine import TORCH
from fewlabels.models.engines.openvino_engine import TOLERANCE, OpenVinoEngine, difference
from fewlabels.models.inference import features, last_maps
from fewlabels.models.maps.stage_maps import last_stage, recorded_stage

pytest.importorskip("openvino", reason="OpenVINO (the extra `fast`) is not installed")

BACKBONES = {"small_cnn": 24, "resnet18": 64, "mobilenetv2_100": 96, "tf_efficientnet_lite0": 96}
"""Side of the images of each."""


@pytest.fixture(autouse=True)
def no_programs() -> Iterator[None]:
    """No test finds the programs of another."""
    openvino_engine._PROGRAMS.clear()
    yield
    openvino_engine._PROGRAMS.clear()


@pytest.fixture
def said() -> list[str]:
    """What the engines say to the user."""
    return []


def network(backbone: str = "small_cnn") -> Classifier:
    """A frozen network with random weights."""
    torch.manual_seed(0)
    spec = ModelSpec(backbone, 3, 3, BACKBONES[backbone], "linear", None, (0.5,) * 3, (0.5,) * 3)
    return build(spec).eval().requires_grad_(False)


def images(count: int, backbone: str = "small_cnn") -> Tensor:
    side = BACKBONES[backbone]
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def with_openvino(model: Classifier, said: list[str], threads: int = 1) -> Classifier:
    use_engine(model, OpenVinoEngine(threads, said.append))
    return model


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """No program may be made."""

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a program was asked for")

    monkeypatch.setattr(OpenVinoEngine, "_make", refuse)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_features_and_maps_are_those_of_torch(backbone: str, said: list[str]) -> None:
    x, model = images(5, backbone), network(backbone)
    expected = [features(model, [x]), last_maps(model, [x]), last_stage(model, x)]
    with_openvino(model, said)
    found = [features(model, [x]), last_maps(model, [x]), last_stage(model, x)]
    assert said == []
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert difference(one, other) <= TOLERANCE
    assert not torch.equal(found[1], expected[1])  # another engine rounds in another way: torch did not answer


def test_one_pass_gives_logits_and_the_map_of_the_last_stage(said: list[str]) -> None:
    x, model = images(3), with_openvino(network(), said)
    with torch.no_grad(), recorded_stage(model) as seen:
        logits = model(x)
    assert len(seen) == 1
    assert torch.equal(seen[0], last_stage(model, x))
    assert torch.equal(logits, model(x))


@pytest.mark.parametrize("backbone", ["small_cnn", "mobilenetv2_100"])
def test_an_image_has_the_same_features_in_any_batch(backbone: str, said: list[str]) -> None:
    x, model = images(7, backbone), with_openvino(network(backbone), said, threads=2)
    whole = features(model, [x])
    assert torch.equal(features(model, x.split(3)), whole)
    assert torch.equal(features(model, [x.flip(0)]), whole.flip(0))
    assert torch.equal(features(model, [x.contiguous(memory_format=torch.channels_last)]), whole)
    assert torch.equal(features(with_openvino(network(backbone), said), [x]), whole)  # another number of threads


def test_a_backbone_that_fails_is_computed_by_torch(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    def fail(*_: object) -> NoReturn:
        raise ValueError("no such operation\nand a long trace")

    monkeypatch.setattr(openvino_engine, "Program", type("Program", (), {"__init__": fail}))
    x, model = images(3), network()
    expected = features(model, [x])
    with_openvino(model, said)
    assert torch.equal(features(model, [x]), expected)
    last_stage(model, x)
    assert said == ["note: OpenVINO can't compute this backbone (no such operation); torch is used instead"]


def test_a_program_that_differs_is_not_used(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    run = openvino_engine.Program.__call__
    monkeypatch.setattr(openvino_engine.Program, "__call__", lambda *args: [1.001 * y for y in run(*args)])
    x, model = images(3), network()
    expected = features(model, [x])
    with_openvino(model, said)
    assert torch.equal(features(model, [x]), expected)
    assert len(said) == 1
    assert "OpenVINO differs from torch by 1.0e-03 of the largest feature" in said[0]


@pytest.mark.usefixtures("refused")
def test_torch_computes_what_the_engine_can_not(said: list[str]) -> None:
    x, model = images(2), with_openvino(network(), said)
    assert isinstance(model, SingleClassifier)
    with torch.enable_grad():
        assert model(x.clone().requires_grad_()).requires_grad  # a gradient with respect to the image
        model.backbone.requires_grad_(True)
        assert model(x).requires_grad
        model.backbone.requires_grad_(False)
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            model(x)
        model.double()(x.double())
        model.float().train()(x)
        model.eval()
        handle = next(model.backbone.children()).register_forward_hook(lambda *_: None)
        model(x)
        handle.remove()
        with by_torch(model):
            model(x)
        with pytest.raises(AssertionError, match="a program was asked for"):
            model(x)


def test_a_frozen_trunk_in_a_training_step_needs_no_gradient(said: list[str]) -> None:
    x, model = images(2), with_openvino(network(), said)
    assert isinstance(model, SingleClassifier)
    model.head.requires_grad_(True)
    model(x).sum().backward()
    assert next(model.head.parameters()).grad is not None
    assert len(openvino_engine._PROGRAMS) == 1


def test_changed_weights_are_seen_and_copies_share_a_program(said: list[str]) -> None:
    x, model = images(3), with_openvino(network(), said)
    before = features(model, [x])
    copied = deepcopy(model)
    assert torch.equal(features(copied, [x]), before)
    assert len(openvino_engine._PROGRAMS) == 1
    with torch.no_grad():
        next(copied.networks()[0].backbone.parameters()).mul_(2)
    after = features(copied, [x])
    assert torch.equal(features(model, [x]), before)
    use_engine(copied, TORCH)
    assert difference(after, features(copied, [x])) <= TOLERANCE
    assert difference(after, before) > 100 * TOLERANCE


def test_few_programs_are_kept(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_engine, "KEPT", 2)
    model = with_openvino(network(), said)
    for side in (16, 20, 24):
        features(model, [torch.zeros(1, 3, side, side)])
    assert len(openvino_engine._PROGRAMS) == 2
