"""A model specification survives JSON; invalid keys and values are named."""

import json
from typing import Any

import pytest
import torch

from fewlabels.errors import UserError
from fewlabels.models.build import ModelSpec, build

GOOD: dict[str, Any] = {
    "backbone": "small_cnn",
    "num_classes": 4,
    "channels": 1,
    "image_size": 8,
    "head": "linear",
    "pad_type": None,
    "mean": [0.1],
    "std": [0.3],
}


def test_a_specification_survives_json() -> None:
    spec = ModelSpec.from_dict(GOOD)
    assert spec.mean == (0.1,)
    assert json.loads(json.dumps(spec.to_dict())) == GOOD | {
        "members": 1,
        "attention_maps": 0,
        "saliency": 0.0,
        "top": 5,
        "boxes": None,
        "scaled": False,
        "bias": False,
        "fine_map": False,
        "class_size": 0,
        "temperature": 1.0,
        "places": False,
    }
    assert ModelSpec.from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"backbon": "x"}, "model.json: unknown key 'backbon'; did you mean 'backbone'"),
        ({"num_classes": 0}, "num_classes is 0"),
        ({"num_classes": True}, "num_classes is True"),
        ({"members": 1000}, "members is 1000"),
        ({"image_size": "8"}, "image_size is '8'"),
        ({"head": "mlp"}, "head is 'mlp'"),
        ({"pad_type": "reflect"}, "pad_type is 'reflect'"),
        ({"mean": [0.1, 0.2]}, "mean is .* each of the 1 channels"),
        ({"mean": "0.1"}, "mean is '0.1'"),
        ({"mean": [float("nan")]}, "mean is"),
        ({"std": [0.0]}, "std is .* above 0"),
        ({"fine_map": 1}, "fine_map is 1"),
        ({"boxes": "cam"}, "boxes are 'cam'"),
        ({"boxes": {"source": "map"}}, "boxes have source 'map': it must be one of cam, grad-cam"),
        ({"boxes": {"source": "cam", "threshold": 1.0}}, "boxes have threshold 1.0"),
        ({"backbone": 7}, "backbone is 7"),
        ({"backbone": "small_cnnn"}, "did you mean 'small_cnn'"),
        ({"backbone": "vit_tiny"}, "did you mean 'vit_tiny_patch16_224'"),
        ({"backbone": "hf-hub:someone/something"}, "there is no such backbone"),
        ({"backbone": "local-dir:/tmp"}, "there is no such backbone"),
    ],
)
def test_a_wrong_key_or_value_is_named(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        ModelSpec.from_dict(GOOD | change)


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(UserError, match=f"'{key}' is missing"):
        ModelSpec.from_dict({name: value for name, value in GOOD.items() if name != key})


def test_the_same_seed_builds_the_same_weights() -> None:
    states = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        states.append(build(ModelSpec.from_dict(GOOD)).state_dict())
    first, second, third = states
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not torch.equal(first["head.weight"], third["head.weight"])


def test_measuring_the_feature_width_changes_neither_mode_nor_statistics() -> None:
    model = build(ModelSpec.from_dict(GOOD))
    assert model.training
    assert all(not value.any() for key, value in model.state_dict().items() if key.endswith("running_mean"))


def test_a_padding_that_a_backbone_does_not_support_is_refused() -> None:
    with pytest.raises(UserError, match="resnet18 has no padding option"):
        build(ModelSpec.from_dict(GOOD | {"backbone": "resnet18", "pad_type": "same", "image_size": 32}))


@pytest.mark.parametrize(("backbone", "side"), [("resnet18", 8), ("mobilenetv2_100", 8), ("small_cnn", 16)])
def test_a_fine_map_has_a_sixteenth_of_the_side_where_the_backbone_supports_it(backbone: str, side: int) -> None:
    """A network without the option (small_cnn: an eighth) keeps its map; the weights have the same names and shapes."""
    plain, fine = (
        build(ModelSpec(backbone, 2, 3, 128, "linear", None, (0.5,) * 3, (0.25,) * 3, fine_map=asked)).eval()
        for asked in (False, True)
    )
    x = torch.zeros(1, 3, 128, 128)
    assert fine.outputs(x).map.shape[-1] == side
    assert {n: t.shape for n, t in fine.state_dict().items()} == {n: t.shape for n, t in plain.state_dict().items()}
    if backbone != "small_cnn":
        assert plain.outputs(x).map.shape[-1] == side // 2
