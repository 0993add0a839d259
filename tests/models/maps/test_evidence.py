"""Maps of a class on any classifier, against worked examples, the package grad-cam and the logits.

The examples are those of docs/papers/baselines.md (Grad-CAM, LayerCAM) and docs/papers/pepl.md (P-3).
"""

from math import prod
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.models import backbones
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.models.maps.evidence import (
    MAP_FUNCTIONS,
    class_maps,
    grad_cam_map,
    info_cam_map,
    layer_cam_map,
    of_class,
    sensitivity,
)
from fewlabels.models.maps.regions import scaled

FEATURES = torch.tensor([[[1, 2], [3, 4]], [[1, 0], [1, 4]]], dtype=torch.float64)[None]
GRADIENTS = torch.tensor([[[1, -1], [0, 2]], [[0.5, 1], [-1, 0]]], dtype=torch.float64)[None]
CLASSES = torch.tensor([2, 0])


def built(backbone: str = "small_cnn", size: int = 64, **options: Any) -> Classifier:
    torch.manual_seed(0)
    head = options.pop("head", "linear")
    return build(ModelSpec(backbone, 3, 3, size, head, None, (0.5,) * 3, (0.3,) * 3, **options))


def images(size: int = 64) -> Tensor:
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_grad_cam_weights_features_by_mean_gradients() -> None:
    assert grad_cam_map(FEATURES, GRADIENTS).tolist() == [[[0.625, 1], [1.625, 2.5]]]


def test_layer_cam_weights_each_location_by_positive_gradients() -> None:
    assert layer_cam_map(FEATURES, GRADIENTS).tolist() == [[[1.5, 0], [0, 8]]]


def test_gradient_maps_keep_positive_evidence_only() -> None:
    assert not grad_cam_map(FEATURES, -GRADIENTS).any()
    assert not layer_cam_map(-FEATURES, GRADIENTS).any()


def test_info_cam_subtracts_the_mean_of_the_other_classes() -> None:
    """The first two maps are those of docs/papers/pepl.md, P-3."""
    maps = torch.tensor([[[1, 1], [2, 4]], [[0.5, 3], [3.5, 2]], [[0, 0], [0, 0]]])[None]
    assert info_cam_map(maps, torch.tensor([0])).tolist() == [[[0.75, -0.5], [0.25, 3]]]
    assert info_cam_map(maps[:, :2], torch.tensor([1])).tolist() == [[[-0.5, 2], [1.5, -2]]]
    assert torch.equal(info_cam_map(maps[:, :1], torch.tensor([0])), maps[:, 0])


def waves(*shape: int, frequency: float) -> Tensor:
    """Numbers that do not depend on the version of any library."""
    count = torch.arange(1, prod(shape) + 1, dtype=torch.float64)
    return torch.sin(frequency * count).reshape(shape).float()


class Formula(nn.Module):
    """One convolution computes the last map; another one may follow before the pooling."""

    num_features = 4

    def __init__(self, direct: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, stride=2, padding=1, bias=False)
        self.second = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.first.weight.data = waves(4, 3, 3, 3, frequency=1.7)
        self.second.weight.data = waves(4, 4, 3, 3, frequency=2.3)
        self.direct = direct

    def forward_features(self, x: Tensor) -> Tensor:
        return self.first(x)

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return (x if self.direct else self.second(x).relu()).mean((2, 3))


def formula(direct: bool) -> tuple[Classifier, Tensor]:
    head = nn.Linear(4, 3, bias=False)
    head.weight.data = waves(3, 4, frequency=0.9)
    return SingleClassifier(Formula(direct), head, 4, 3), waves(2, 3, 6, 6, frequency=0.37)


PACKAGE = {
    ("grad-cam", False): [
        [[0, 0, 0.0391493], [0, 0, 0], [0.9999999, 0.1929097, 0.1744179]],
        [[0, 0, 0], [0.0468994, 0.2059725, 0.1010237], [0.9999999, 0.0175483, 0.1604656]],
    ],
    ("layer-cam", False): [
        [[0.8189306, 0.0184575, 0.0212952], [0, 0.1341103, 0], [0.9999999, 0, 0]],
        [[0.9999999, 0, 0], [0, 0.2173068, 0.0661174], [0.003301, 0.0125611, 0.3226531]],
    ],
    ("grad-cam", True): [
        [[0, 0.0148434, 0], [0.9999999, 0, 0], [0.1817612, 0.0223039, 0]],
        [[0.9999999, 0, 0], [0, 0, 0.1367453], [0.4698105, 0, 0]],
    ],
    ("layer-cam", True): [
        [[0, 0.0199847, 0], [0.9999999, 0, 0.0788956], [0, 0, 0]],
        [[0.3977785, 0, 0], [0, 0.1067815, 0.1781477], [0.9999999, 0, 0]],
    ],
}
"""Results of GradCAM and LayerCAM in the package grad-cam 1.5.7 for ``formula(direct)`` at its first convolution, at
its size: ReLU, minimum subtracted, divided by the maximum (+ 1e-7), rounded to 7 decimals."""
ROUNDING = 2e-6
"""The package computed in float32: 8e-7 from the same maps in float64."""


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(("name", "direct"), PACKAGE)
def test_maps_equal_those_of_the_package_grad_cam(name: Any, direct: bool) -> None:
    model, x = formula(direct)
    found = scaled(MAP_FUNCTIONS[name](model, x, CLASSES), "min-max")
    torch.testing.assert_close(found, torch.tensor(PACKAGE[name, direct]), atol=ROUNDING, rtol=0)


@pytest.mark.usefixtures("in_float64")
def test_the_cam_of_a_network_without_layers_after_the_map_is_the_packages_grad_cam_before_its_relu() -> None:
    model, x = formula(direct=True)
    found = scaled(MAP_FUNCTIONS["cam"](model, x, CLASSES).relu(), "min-max")
    torch.testing.assert_close(found, torch.tensor(PACKAGE["grad-cam", True]), atol=ROUNDING, rtol=0)


def mean_of(maps: Tensor) -> Tensor:
    return maps.mean((1, 2))


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_the_mean_of_a_cam_is_the_logit_of_its_class_for_every_pooling() -> None:
    x = images()
    plain, attending, mapping = built(), built(attention_maps=4), built(head="class-maps")
    for model in (plain, attending, mapping):
        logits = model.eval()(x).gather(1, CLASSES[:, None])[:, 0]
        bias = getattr(model.head, "bias", None)
        found = mean_of(MAP_FUNCTIONS["cam"](model, x, CLASSES)) + (0 if bias is None else bias[CLASSES])
        torch.testing.assert_close(found, logits)
    assert isinstance(attending, AttentionClassifier)


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_the_cam_of_a_normalized_head_is_computed_without_the_scaling() -> None:
    model, x = built(head="normalized-linear").eval(), images()
    found = mean_of(MAP_FUNCTIONS["cam"](model, x, CLASSES)) / model.features(x).norm(dim=1)
    bias = model.head.bias
    assert isinstance(bias, Tensor)
    torch.testing.assert_close(found + bias[CLASSES], model(x).gather(1, CLASSES[:, None])[:, 0])


@pytest.mark.usefixtures("in_float64")
def test_info_cam_is_computed_from_cams() -> None:
    model, x = built(), images()
    maps = class_maps(model, x)
    others = torch.stack([(maps[0, 0] + maps[0, 1]) / 2, (maps[1, 1] + maps[1, 2]) / 2])
    torch.testing.assert_close(MAP_FUNCTIONS["info-cam"](model, x, CLASSES), of_class(maps, CLASSES) - others)


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_features_are_averaged_over_channels_whatever_the_class() -> None:
    model, x = built(), images()
    found = MAP_FUNCTIONS["features"](model, x, CLASSES)
    torch.testing.assert_close(found, model.eval().outputs(x).map.mean(1))
    assert torch.equal(found, MAP_FUNCTIONS["features"](model, x, 1 - CLASSES.clamp(max=1)))


@pytest.mark.parametrize("name", MAP_FUNCTIONS)
@pytest.mark.parametrize(
    "options", [{}, {"attention_maps": 4}, {"head": "class-maps", "saliency": 0.5}, {"members": 2}]
)
def test_every_classifier_has_every_map(name: Any, options: dict[str, Any]) -> None:
    model, x = built(**options), images()
    found = MAP_FUNCTIONS[name](model, x, CLASSES)
    assert found.shape == (2, 8, 8)
    assert found.dtype == torch.float32
    assert not found.requires_grad
    assert found.isfinite().all()
    assert found.any()


@pytest.mark.parametrize("name", MAP_FUNCTIONS)
def test_computing_a_map_does_not_change_the_model(name: Any) -> None:
    """No gradient, no updated statistics, the mode of every module, and the backbone itself."""
    model, x = built().train(), images()
    model.head.eval()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    MAP_FUNCTIONS[name](model, x, CLASSES)
    assert model.training
    assert model.backbone.training
    assert not model.head.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert "forward_features" not in vars(model.backbone)


@pytest.mark.parametrize("name", MAP_FUNCTIONS)
@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_maps_are_the_same_where_gradients_are_disabled(name: Any, context: Any) -> None:
    model, x = built("mobilenetv2_100"), images()
    expected = MAP_FUNCTIONS[name](model, x, CLASSES)
    with context():
        assert torch.equal(MAP_FUNCTIONS[name](model, x.clone(), CLASSES.clone()), expected)


def test_the_maps_of_an_ensemble_are_those_of_its_first_member() -> None:
    members = [built(), built("cnn3")]
    for name in MAP_FUNCTIONS:
        found = MAP_FUNCTIONS[name](Ensemble(members), images(), CLASSES)
        assert torch.equal(found, MAP_FUNCTIONS[name](members[0], images(), CLASSES))


def test_gradients_are_also_computed_for_tokens() -> None:
    """The logit of pooled tokens through their norm: its directional derivative by finite differences, in float64."""
    trunk: Any = backbones.create("test_vit", 3, 160, global_pool="avg")
    torch.manual_seed(0)
    model = SingleClassifier(trunk, nn.Linear(64, 3), 64, 3).double().eval()
    x = images(160).double()
    seen = sensitivity(model, x, CLASSES)
    assert seen.features.shape == seen.gradients.shape == (2, 64, 10, 10)
    with torch.no_grad():
        last = trunk.forward_features(x)
        step = torch.zeros_like(last)
        step[0, trunk.num_prefix_tokens + 13, 5] = 1e-5  # row 1, column 3

        def logit(tokens: Tensor) -> Tensor:
            return model.head(trunk.forward_head(tokens, pre_logits=True))[0, CLASSES[0]]

        slope = (logit(last + step) - logit(last - step)) / 2e-5
    torch.testing.assert_close(seen.gradients[0, 5, 1, 3], slope, atol=1e-9, rtol=1e-5)
    assert slope.abs() > 1e-6


def test_a_network_that_widens_after_pooling_has_gradient_maps_but_no_cam() -> None:
    model, x = built("mobilenetv3_small_050"), images()
    assert MAP_FUNCTIONS["layer-cam"](model, x, CLASSES).any()
    with pytest.raises(UserError, match="widens its last map"):
        MAP_FUNCTIONS["cam"](model, x, CLASSES)
