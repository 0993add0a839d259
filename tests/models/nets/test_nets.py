"""The networks that timm lacks: parameter counts of the papers' code, map sizes, timm's interface."""

from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load, save
from torch import nn

from fewlabels.models.backbones import OWN_BACKBONES
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.nets.cnn3 import GaussianNoise


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("name", "options", "parameters"),
    [
        ("wrn_28_2", {"num_classes": 10}, 1_467_610),
        ("wrn_28_2", {"num_classes": 100}, 1_479_220),
        ("cnn13", {"num_classes": 0}, 3_124_608),
        ("cnn13", {"num_classes": 10}, 3_125_908),
        ("cnn13", {"num_classes": 10, "in_chans": 1}, 3_123_604),
        ("cnn13", {"num_classes": 10, "weight_norm": False}, 3_123_850),
        ("cnn3", {"num_classes": 0}, 14_576),
        ("cnn3", {"num_classes": 10}, 14_916),
        ("cnn3", {"num_classes": 0, "in_chans": 1}, 14_288),
        ("cnn3", {"num_classes": 0, "weight_norm": False}, 14_496),
    ],
)
def test_the_number_of_parameters_is_the_published_one(name: str, options: dict[str, Any], parameters: int) -> None:
    assert count(timm.create_model(name, **options)) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("wrn_28_2", 1_467_610), ("cnn13", 3_125_908), ("cnn3", 14_916)])
def test_a_classifier_with_these_backbones_has_the_same_number_of_parameters(name: str, parameters: int) -> None:
    half = (0.5,) * 3
    assert count(build(ModelSpec(name, 10, 3, 32, "linear", None, half, half))) == parameters


@pytest.mark.parametrize(
    ("name", "size", "shape"),
    [
        ("wrn_28_2", 32, (128, 8, 8)),
        ("cnn13", 32, (128, 6, 6)),
        ("cnn13", 28, (128, 5, 5)),
        ("cnn3", 32, (32, 8, 8)),
        ("cnn3", 28, (32, 7, 7)),
        ("small_cnn", 8, (64, 4, 4)),
        ("small_cnn", 28, (64, 7, 7)),
        ("small_cnn", 32, (64, 8, 8)),
        ("small_cnn", 64, (64, 8, 8)),
    ],
)
def test_the_last_map_has_the_documented_size(name: str, size: int, shape: tuple[int, int, int]) -> None:
    net = timm.create_model(name, num_classes=10)
    images = torch.randn(2, 3, size, size)
    assert net.forward_features(images).shape == (2, *shape)
    assert net(images).shape == (2, 10)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("name", OWN_BACKBONES)
def test_they_have_timms_interface(name: str) -> None:
    assert timm.is_model(name)
    net = timm.create_model(name, num_classes=6, in_chans=1, global_pool="max", drop_rate=0.25).eval()
    images = torch.randn(2, 1, 32, 32)
    last = net.forward_features(images)
    torch.testing.assert_close(net.forward_head(last, pre_logits=True), last.amax((2, 3)))
    torch.testing.assert_close(net.forward_head(last), net.get_classifier()(last.amax((2, 3))))
    net.reset_classifier(3, "avg")
    assert net.num_classes == 3
    assert net(images).shape == (2, 3)
    net.reset_classifier(0)
    torch.testing.assert_close(net(images), last.mean((2, 3)))
    net.reset_classifier(0, "")
    assert net(images).shape == last.shape
    assert net.num_features == last.shape[1]
    assert net.default_cfg["architecture"] == name


@pytest.mark.parametrize("name", OWN_BACKBONES)
def test_drop_rate_drops_pooled_features_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name, num_classes=2, drop_rate=0.5)
    last = torch.ones(8, net.num_features, 2, 2)
    dropped = net.forward_head(last, pre_logits=True)
    assert set(dropped.unique().tolist()) == {0.0, 2.0}
    assert net.eval().forward_head(last, pre_logits=True).unique().tolist() == [1.0]


@pytest.mark.parametrize("name", OWN_BACKBONES)
def test_a_state_dict_survives_safetensors(name: str) -> None:
    torch.manual_seed(0)
    written, read = timm.create_model(name, num_classes=4), timm.create_model(name, num_classes=4)
    written(torch.randn(4, 3, 32, 32))  # moves the running statistics
    read.load_state_dict(load(save(written.state_dict())))
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(written.eval()(images), read.eval()(images))


@pytest.mark.usefixtures("in_float64")
def test_every_layer_of_the_13_layer_cnn_is_weight_normalised() -> None:
    net = timm.create_model("cnn13", num_classes=10)
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len(layers) == 10
    for layer in layers:
        gain = layer.parametrizations.weight.original0  # type: ignore[union-attr]
        torch.testing.assert_close(layer.weight.flatten(1).norm(dim=1), gain.flatten().abs())


def test_noise_is_added_in_training_only() -> None:
    torch.manual_seed(0)
    noise, images = GaussianNoise(0.15), torch.zeros(4, 1, 100, 100)
    assert noise(images).std().item() == pytest.approx(0.15, rel=0.02)
    assert noise.eval()(images) is images


def test_wide_resnet_has_the_layers_of_the_papers() -> None:
    net = timm.create_model("wrn_28_2", num_classes=10)
    convs = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
    assert len(convs) == 25 + 3  # 28 layers without the linear one and the shortcuts, plus three shortcuts
    assert all(conv.bias is None for conv in convs)
    assert {module.momentum for module in net.modules() if isinstance(module, nn.BatchNorm2d)} == {0.1}
    assert any(isinstance(module, nn.ReLU) for module in net.modules())
    wide = convs[-1]  # 128 x 128 x 3 x 3: He's deviation is sqrt(2 / (128 * 9))
    assert wide.weight.std().item() == pytest.approx((2 / 1152) ** 0.5, rel=0.02)
    assert net.forward_features(torch.randn(2, 3, 32, 32)).min() == 0  # the last activation is part of the map


def test_the_leaky_variant_keeps_negative_values() -> None:
    net = timm.create_model("wrn_28_2", num_classes=10, leaky_slope=0.1)
    assert net.forward_features(torch.randn(2, 3, 32, 32)).min() < 0


def test_small_cnn_learns_two_patterns() -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(32, 1, 8, 8), torch.arange(32) % 2
    images[labels == 1, :, :, :4] += 1
    net = timm.create_model("small_cnn", num_classes=2, in_chans=1)
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    for _ in range(10):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(images), labels).backward()
        optimiser.step()
    assert (net(images).argmax(1) == labels).float().mean() > 0.9


def test_small_cnn_has_the_documented_number_of_parameters() -> None:
    """9 (16 + 16 32 + 32 32 + 32 64 + 64 64) weights, 2 (16 + 32 + 32 + 64 + 64) of the norms, 65 10 of the head."""
    net = timm.create_model("small_cnn", num_classes=10, in_chans=1)
    assert sum(weight.numel() for weight in net.parameters()) == 69264 + 416 + 650 == 70330
