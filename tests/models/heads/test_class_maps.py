"""Class-specific maps and their scores (docs/papers/saliency-regularization.md, S-1)."""

import pytest
import torch

from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.heads.class_maps import ClassMapClassifier, class_scores

MAPS = torch.tensor([[[1.0, -2], [3, 0]], [[-1, -2], [-3, 1]], [[0, 1], [2, 3]]], dtype=torch.float64)[None]


def model(backbone: str = "test_convnext", saliency: float = 0.5) -> ClassMapClassifier:
    spec = ModelSpec(backbone, 4, 3, 64, "class-maps", None, (0.5,) * 3, (0.3,) * 3, saliency=saliency, top=5)
    found = build(spec).eval()
    assert isinstance(found, ClassMapClassifier)
    return found


def test_a_class_is_scored_by_the_mean_and_the_largest_values_of_its_map() -> None:
    scores = class_scores(MAPS, 0.5, 2)
    torch.testing.assert_close(scores.mean, torch.tensor([[0.5, -1.25, 1.5]]).double())
    torch.testing.assert_close(scores.salient, torch.tensor([[2.0, 0, 2.5]]).double())
    torch.testing.assert_close(scores.logits, torch.tensor([[1.5, -1.25, 2.75]]).double())


def test_with_more_largest_values_than_locations_all_are_averaged() -> None:
    scores = class_scores(MAPS, 0.5, 9)
    torch.testing.assert_close(scores.salient, scores.mean)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("backbone", ["small_cnn", "mobilenetv2_100", "test_convnext", "test_vit"])
def test_every_backbone_has_a_map_per_class(backbone: str) -> None:
    """test_vit supports 160 px only."""
    spec = ModelSpec(backbone, 4, 3, 160, "class-maps", None, (0.5,) * 3, (0.3,) * 3, saliency=0.5)
    found = build(spec).eval()
    assert isinstance(found, ClassMapClassifier)
    images = torch.randn(2, 3, 160, 160)
    with torch.no_grad():
        maps = found.class_maps(images)
        assert maps.shape[:2] == (2, 4)
        assert min(maps.shape[2:]) > 1
        torch.testing.assert_close(found(images), class_scores(maps, 0.5, 5).logits)
        torch.testing.assert_close(found.outputs(images).logits, found(images))


@pytest.mark.usefixtures("in_float64")
def test_without_saliency_the_logits_are_those_of_a_linear_head_on_pooled_features() -> None:
    found, images = model("mobilenetv2_100", saliency=0.0), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        pooled = SingleClassifier.features(found, images)
        assert isinstance(found.head, torch.nn.Conv2d)
        torch.testing.assert_close(found(images), pooled @ found.head.weight[:, :, 0, 0].T)
        torch.testing.assert_close(found(pooled), found(images))


@pytest.mark.usefixtures("in_float64")
def test_scaled_features_do_not_depend_on_the_brightness_of_the_map() -> None:
    """The root mean square of their means is 1, and scaling twice equals scaling once."""
    features = torch.rand(2, 6, 3, 3) + 0.1
    found = ClassMapClassifier(torch.nn.Identity(), 6, 4, saliency=0.5, scaled=True, bias=True)
    embedded = features.flatten(2)
    with torch.no_grad():
        torch.testing.assert_close(found(torch.zeros(2, 6, 9)).sigmoid(), torch.full((2, 4), 0.01))
        torch.testing.assert_close(found.features(embedded).square().mean(1), torch.ones(2))
        torch.testing.assert_close(found(embedded), found(7 * embedded))
        torch.testing.assert_close(found(found.features(embedded)[..., None]), found(embedded.mean(2, keepdim=True)))
        assert torch.equal(found.features(torch.zeros(2, 6)), torch.zeros(2, 6))
        assert found(torch.zeros(0, 6, 9)).shape == (0, 4)
    plain = ClassMapClassifier(torch.nn.Identity(), 6, 4, saliency=0.5)
    with torch.no_grad():
        assert not torch.allclose(plain(embedded), plain(7 * embedded))


def test_embedded_images_have_the_scores_of_the_images() -> None:
    """Features of all locations in half precision with saliency, else their mean."""
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        for saliency, ndim in ((0.5, 3), (0.0, 2)):
            found = model("mobilenetv2_100", saliency)
            embedded = found.embed(images)
            assert embedded.ndim == ndim
            torch.testing.assert_close(found(embedded), found(images), atol=2e-3, rtol=1e-2)


def test_a_saved_specification_keeps_saliency_and_top() -> None:
    spec = ModelSpec("test_convnext", 4, 3, 64, "class-maps", None, (0.5,) * 3, (0.3,) * 3, saliency=0.25, top=3)
    again = build(ModelSpec.from_dict(spec.to_dict()))
    assert isinstance(again, ClassMapClassifier)
    assert (again.saliency, again.top) == (0.25, 3)
