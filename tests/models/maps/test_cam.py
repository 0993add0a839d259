"""Class activation maps against docs/papers/pepl.md, P-3, and the networks that have them."""

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from fewlabels.errors import UserError
from fewlabels.models import backbones
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.maps.cam import class_activation_maps, enlarge, head_weight

MAP = torch.tensor([[[1, 2], [3, 4]], [[0, 1], [1, 0]]], dtype=torch.float64)
WEIGHT = torch.tensor([[1, -1], [0.5, 2]], dtype=torch.float64)


def classifier(name: str, channels: int = 3, size: int = 64) -> Classifier:
    trunk = backbones.create(name, channels, size)
    width = backbones.feature_width(trunk, name, channels, size)
    return SingleClassifier(trunk, nn.Linear(width, 5), width, 5)


def test_each_image_gets_the_map_of_its_own_class() -> None:
    maps = class_activation_maps(torch.stack([MAP, MAP]), WEIGHT, torch.tensor([0, 1]))
    assert maps.tolist() == [[[1, 1], [2, 4]], [[0.5, 3], [3.5, 2]]]


def test_maps_are_enlarged_with_corners_not_aligned() -> None:
    maps = class_activation_maps(MAP[None], WEIGHT, torch.tensor([0]))
    expected = [[1, 1, 1, 1], [1.25, 1.375, 1.625, 1.75], [1.75, 2.125, 2.875, 3.25], [2, 2.5, 3.5, 4]]
    assert enlarge(maps, 4)[0].tolist() == expected


@pytest.mark.usefixtures("in_float64")
@torch.no_grad()
def test_the_mean_of_a_map_and_the_bias_are_the_logit() -> None:
    """Where the pooling is a mean, the map's mean plus the bias is the class's logit."""
    model = classifier("small_cnn").eval()
    seen = model.outputs(torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(0)))
    classes = torch.tensor([4, 0, 2])
    maps = class_activation_maps(seen.map, head_weight(model), classes)
    logits = seen.logits.gather(1, classes[:, None])[:, 0]
    torch.testing.assert_close(maps.mean((1, 2)) + model.head.bias[classes], logits)  # pyright: ignore


def test_a_weight_normed_head_has_maps() -> None:
    model = classifier("small_cnn")
    model.head = weight_norm(model.head)
    assert head_weight(model).shape == (5, 64)


def test_a_network_that_widens_after_pooling_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"MobileNetV3\) widens its last map from 288 to 1024 features .* --backbone"):
        head_weight(classifier("mobilenetv3_small_050"))


def test_a_head_that_is_not_linear_is_refused() -> None:
    model = classifier("small_cnn")
    model.head = nn.Sequential(model.head)
    with pytest.raises(UserError, match="need a linear head, this model has a Sequential"):
        head_weight(model)
