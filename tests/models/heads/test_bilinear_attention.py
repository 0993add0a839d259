"""Bilinear attention pooling (docs/papers/lchp.md, L-6) and the backbone of LCHP's classifier."""

from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from fewlabels.errors import UserError
from fewlabels.models import backbones
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.heads.bilinear_attention import BilinearAttentionClassifier, bilinear_attention_pool, signed_sqrt
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.models.weights import load_weights, resolve_weights

FEATURES = torch.tensor([[[1, 2], [0, 1]], [[-1, 0], [2, 0]]], dtype=torch.float64)[None]
ATTENTION = torch.tensor([[[1, 0], [0, 0]], [[0, 1], [1, 1]]], dtype=torch.float64)[None]
INCEPTION = "inception_v3_mixed_6e"


def test_each_attention_map_pools_every_feature() -> None:
    pooled = bilinear_attention_pool(FEATURES, ATTENTION)
    expected = torch.tensor([[0.3779645, -0.3779645, 0.6546537, 0.5345225]], dtype=torch.float64)
    torch.testing.assert_close(pooled, expected, atol=1e-6, rtol=0)


def test_the_root_keeps_the_sign() -> None:
    found = signed_sqrt(torch.tensor([0.25, -0.25, 0.75, 0.5], dtype=torch.float64))
    expected = torch.tensor([0.5, -0.5, 0.8660254, 0.7071068], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_the_root_has_a_bounded_gradient_at_zero_and_the_exact_one_elsewhere() -> None:
    x = torch.tensor([0.0, -1e-9, 0.25, -4], dtype=torch.float64, requires_grad=True)
    signed_sqrt(x).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, torch.tensor([1000, 1000, 1, 0.25], dtype=torch.float64))


def test_zero_attention_gives_a_zero_vector_with_a_finite_gradient() -> None:
    attention = torch.zeros(1, 2, 2, 2, requires_grad=True)
    pooled = bilinear_attention_pool(FEATURES.float(), attention)
    assert not pooled.any()
    pooled.sum().backward()
    assert attention.grad is not None
    assert attention.grad.isfinite().all()


def test_near_zero_the_gradient_is_bounded() -> None:
    """By a thousand for the root times a thousand for the length."""
    attention = torch.full((1, 2, 2, 2), 1e-12, requires_grad=True)
    bilinear_attention_pool(FEATURES.float(), attention)[0, 0].backward()
    assert attention.grad is not None
    assert 0 < attention.grad.abs().max() <= 1e6


def test_half_precision_is_pooled_to_single_precision() -> None:
    pooled = bilinear_attention_pool(FEATURES.half(), ATTENTION.half())
    assert pooled.dtype == torch.float32
    assert (1 - pooled.norm()).abs() < 1e-3


def classifier(backbone: str = "small_cnn", size: int = 64, maps: int = 4) -> BilinearAttentionClassifier:
    torch.manual_seed(0)
    trunk = backbones.create(backbone, 3, size)
    return BilinearAttentionClassifier(trunk, backbones.map_shape(trunk, 3, size)[0], 5, maps)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize(("backbone", "size", "width"), [("small_cnn", 64, 64), ("test_vit", 160, 64)])
def test_every_backbone_has_features_of_length_100(backbone: str, size: int, width: int) -> None:
    model, x = classifier(backbone, size), torch.randn(2, 3, size, size)
    seen = model.eval().outputs(x)
    assert seen.features.shape == (2, 4 * width)
    assert seen.map.shape[:2] == (2, width)
    torch.testing.assert_close(seen.features.norm(dim=1), torch.full((2,), 100.0))
    assert isinstance(model.head, nn.Linear)
    assert model.head.bias is None
    torch.testing.assert_close(seen.features @ model.head.weight.T, seen.logits)
    torch.testing.assert_close(model(x), seen.logits)
    torch.testing.assert_close(model.features(x), seen.features)


def test_all_parameters_have_a_gradient() -> None:
    model = classifier()
    model(torch.randn(4, 3, 64, 64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.any() for p in model.parameters())


def test_gradient_maps_work_and_a_cam_is_refused() -> None:
    model, x, classes = classifier(), torch.randn(2, 3, 64, 64), torch.tensor([0, 3])
    assert MAP_FUNCTIONS["layer-cam"](model, x, classes).any()
    with pytest.raises(UserError, match="choose another --backbone"):
        MAP_FUNCTIONS["cam"](model, x, classes)


def test_inception_up_to_mixed_6e_has_the_papers_map() -> None:
    """Parameters counted on torchvision's inception_v3 without Mixed_7*, AuxLogits and fc."""
    with torch.device("meta"):
        trunk = timm.create_model(INCEPTION, num_classes=0)
        assert trunk.forward_features(torch.empty(1, 3, 448, 448)).shape == (1, 768, 26, 26)
        assert sum(parameter.numel() for parameter in trunk.parameters()) == 8_965_856
        model = BilinearAttentionClassifier(trunk, 768, 200)
        assert model.outputs(torch.empty(2, 3, 299, 299)).features.shape == (2, 24_576)


def test_inception_cut_short_behaves_like_timms_own() -> None:
    with torch.device("meta"):
        trunk = timm.create_model(INCEPTION, num_classes=6, in_chans=1)
        assert trunk(torch.empty(2, 1, 59, 59)).shape == (2, 6)
        assert trunk.num_features == 768
        trunk.reset_classifier(0)
        assert trunk(torch.empty(2, 1, 96, 96)).shape == (2, 768)


@pytest.mark.usefixtures("in_float64")
def test_weights_of_timms_whole_inception_fit(tmp_path: Path) -> None:
    whole = timm.create_model("inception_v3", aux_logits=True).eval()
    file = tmp_path / "inception_v3.safetensors"
    save_file(whole.state_dict(), file)
    weights = resolve_weights(INCEPTION, str(file), 3, 96)
    assert weights.mean == (0.5,) * 3
    model = build(ModelSpec(INCEPTION, 10, 3, 96, "linear", None, (0.5,) * 3, (0.5,) * 3)).eval()
    assert load_weights(model, weights) == ("fc.weight (1000 classes) dropped",)
    x = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(model.outputs(x).map, whole.forward_preaux(x))


def test_its_imagenet_weights_are_timms() -> None:
    record, whole = backbones.pretrained_cfg(INCEPTION), backbones.pretrained_cfg("inception_v3")
    assert record.hf_hub_id == whole.hf_hub_id == "timm/inception_v3.tv_in1k"
    assert (record.mean, record.std, record.first_conv) == (whole.mean, whole.std, whole.first_conv)
