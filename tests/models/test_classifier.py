"""The classifier interface: logits, pooled features and an NCHW map, whatever the backbone."""

from typing import Any, cast

import pytest
import torch
from torch import nn

from fewlabels.errors import UserError
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.models.heads.attention import AttentionClassifier, SpatialAttention, attention_pool
from fewlabels.models.heads.normalized_linear import NormalizedLinear
from fewlabels.models.last_map import as_map

LIGHT = [("resnet18", 64), ("mobilenetv2_100", 64), ("vit_tiny_patch16_224", 64)]
HEAVY = [("efficientnet_b0", 64), ("convnext_tiny", 64), ("swin_tiny_patch4_window7_224", 224)]


def spec(
    backbone: str, image_size: int = 32, channels: int = 3, num_classes: int = 10, head: Any = "linear"
) -> ModelSpec:
    half = (0.5,) * channels
    return ModelSpec(backbone, num_classes, channels, image_size, head, None, half, half)


def classifier(backbone: str, image_size: int = 32, **options: Any) -> SingleClassifier:
    torch.manual_seed(0)
    model = build(spec(backbone, image_size, **options)).eval()
    assert isinstance(model, SingleClassifier)
    return model


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(
    ("backbone", "size"), [*LIGHT, *(pytest.param(*case, marks=pytest.mark.slow) for case in HEAVY)]
)
def test_every_backbone_has_logits_features_and_a_map(backbone: str, size: int) -> None:
    model = classifier(backbone, size)
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        logits, features, last = model.outputs(images)
        assert logits.shape == (2, 10)
        assert features.shape == (2, model.num_features)
        side = size // (16 if backbone.startswith("vit") else 32)
        assert last.shape == (2, model.num_features, side, side)
        torch.testing.assert_close(model(images), logits)
        torch.testing.assert_close(model.features(images), features)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(
    "backbone", ["resnet18", "small_cnn", pytest.param("swin_tiny_patch4_window7_224", marks=pytest.mark.slow)]
)
def test_the_mean_of_the_map_is_the_pooled_feature(backbone: str) -> None:
    """These three pool by the mean and have no layer after it, so this fails if the channels are in the wrong place."""
    model = classifier(backbone, 96)
    with torch.no_grad():
        outputs = model.outputs(torch.randn(2, 3, 96, 96))
    torch.testing.assert_close(outputs.map.mean((2, 3)), outputs.features)


@pytest.mark.usefixtures("in_float64")
def test_a_vit_token_is_at_its_patch_in_the_map() -> None:
    model = classifier("vit_tiny_patch16_224", 48)
    images = torch.randn(2, 3, 48, 48)
    with torch.no_grad():
        tokens = cast(Any, model.backbone).forward_features(images)
        last = model.outputs(images).map
    assert last.shape == (2, 192, 3, 3)
    torch.testing.assert_close(last[:, :, 1, 2], tokens[:, 1 + 1 * 3 + 2])  # one class token, then row by row


def test_channels_last_maps_are_permuted() -> None:
    layer = nn.Identity()
    layer.num_features = 5  # type: ignore[assignment]
    nhwc = torch.randn(2, 3, 4, 5)
    assert torch.equal(as_map(nhwc, layer)[1, 4, 2, 3], nhwc[1, 2, 3, 4])
    nchw = torch.randn(2, 5, 3, 5)
    assert as_map(nchw, layer) is nchw


@pytest.mark.parametrize(
    "last", [[torch.zeros(2, 5, 3, 3)], torch.zeros(2, 7, 5), torch.zeros(2, 1, 5), torch.zeros(2, 5)]
)
def test_outputs_that_are_no_map_are_refused(last: Any) -> None:
    with pytest.raises(UserError, match="no single last feature map"):
        as_map(last, nn.Identity())


@pytest.mark.usefixtures("in_float64")
def test_features_and_images_have_the_same_logits() -> None:
    model = classifier("small_cnn", 28)
    images = torch.randn(4, 3, 28, 28)
    with torch.no_grad():
        features = model.features(images)
        assert model.features(features) is features
        torch.testing.assert_close(model(features), model(images))


@pytest.mark.usefixtures("in_float64")
def test_an_ensemble_predicts_the_mean_probability() -> None:
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.3,), members=2)).eval()
    images = torch.randn(5, 1, 16, 16)
    first, second = (member(images).softmax(1) for member in model.networks())
    assert not torch.allclose(first, second)
    torch.testing.assert_close(model(images).softmax(1), (first + second) / 2)


def test_an_ensembles_features_and_map_are_those_of_its_first_network() -> None:
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.3,), members=2)).eval()
    assert isinstance(model, Ensemble)
    images, first = torch.randn(5, 1, 16, 16), model.networks()[0]
    assert model.trunks() == model.networks() != [first]
    for name in ("features", "embed", "last"):
        assert torch.equal(getattr(model, name)(images), getattr(first, name)(images))
    assert all(torch.equal(*pair) for pair in zip(model.outputs(images), first.outputs(images), strict=True))


def test_the_interface_itself_cannot_be_instantiated() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Classifier(4, 2)  # pyright: ignore[reportAbstractUsage]


def test_attention_pools_by_the_sum_of_its_maps() -> None:
    """docs/papers/student-report.md, T-4: identity 1x1 convolution, no normalisation."""
    features = torch.tensor([[[1.0, -1], [0, 2]], [[0, 1], [-2, 1]]])[None]
    attention = features.relu().sum(1)
    torch.testing.assert_close(attention, torch.tensor([[[1.0, 1], [0, 3]]]))
    torch.testing.assert_close(attention_pool(features, attention), torch.tensor([[1.5, 1.0]]))
    module = SpatialAttention(2, 2).eval()
    with torch.no_grad():
        module.conv.weight.copy_(torch.eye(2)[:, :, None, None])
        module.conv.bias.zero_()  # type: ignore[union-attr]
        module.norm.bias.zero_()
        module.norm.eps = 0.0
        torch.testing.assert_close(module(features), attention)


@pytest.mark.usefixtures("in_float64")
def test_an_attention_classifier_returns_its_attention_map() -> None:
    model = build(ModelSpec("wrn_28_2", 4, 3, 32, "linear", None, (0.5,) * 3, (0.3,) * 3, attention_maps=2)).eval()
    assert isinstance(model, AttentionClassifier)
    images = torch.randn(2, 3, 32, 32)
    logits, attention = model.attended(images)
    assert attention.shape == (2, 8, 8)
    assert bool((attention >= 0).all())
    torch.testing.assert_close(logits, model(images))


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("backbone", ["wrn_28_2", "test_convnext", "mobilenetv3_small_050", "test_vit"])
def test_attention_that_is_1_everywhere_is_mean_pooling(backbone: str) -> None:
    """Layers after the backbone's pooling (ConvNeXt's norm, MobileNetV3's wider layer) are kept."""
    spec = ModelSpec(backbone, 4, 3, 160, "linear", None, (0.5,) * 3, (0.3,) * 3, attention_maps=1)
    model = build(spec).eval()
    assert isinstance(model, AttentionClassifier)
    if backbone == "test_vit":
        model.backbone.global_pool = "avg"  # pyright: ignore[reportArgumentType]
    attention = model.attention
    with torch.no_grad():
        attention.conv.weight.zero_()
        attention.conv.bias.zero_()  # type: ignore[union-attr]
        attention.norm.eps = 0.0  # only its bias remains, initially 1
        images = torch.randn(2, 3, 160, 160)
        expected = SingleClassifier.features(model, images)
        torch.testing.assert_close(model.features(images), expected)


def test_a_head_can_be_replaced() -> None:
    model = classifier("small_cnn")
    images = torch.randn(2, 3, 32, 32)
    model.head = nn.Linear(model.num_features, 7)
    assert model(images).shape == (2, 7)
    assert {key.partition(".")[0] for key in model.state_dict()} == {"backbone", "head"}


@pytest.mark.usefixtures("in_float64")
def test_a_normalized_head_ignores_the_length_of_features() -> None:
    model = classifier("small_cnn", head="normalized-linear")
    assert isinstance(model.head, NormalizedLinear)
    features = torch.randn(3, 64)
    torch.testing.assert_close(model(features), model(features * 7))
    expected = features[0] / features[0].square().sum().sqrt() @ model.head.weight.T + model.head.bias
    torch.testing.assert_close(model(features)[0], expected)


@pytest.mark.parametrize(
    ("backbone", "size", "says"),
    [
        ("cnn13", 8, "cnn13 does not support 8 px"),
        ("vit_tiny_patch16_224", 40, "multiple of 16, not 40"),
        pytest.param("inception_v3", 32, "inception_v3 does not support 32 px", marks=pytest.mark.slow),
    ],
)
def test_an_unsupported_image_size_is_named(backbone: str, size: int, says: str) -> None:
    with pytest.raises(UserError, match=says):
        build(spec(backbone, size))
