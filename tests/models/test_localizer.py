"""A localizer predicts class and box, whatever the source of the box."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.localizer import Localizer, SpatialLocator
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.models.weights import Weights, load_weights

SPEC = ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.25,))


def built(rule: BoxRule) -> Localizer:
    torch.manual_seed(0)
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.25,), boxes=rule)).eval()
    assert isinstance(model, Localizer)
    return model


class ImageAsMap(nn.Module):
    """A backbone whose last map is the image."""

    def forward_features(self, x: Tensor) -> Tensor:
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x.mean((2, 3))


def two_class_localizer(rule: BoxRule) -> Localizer:
    """Channel 0 is the evidence for class 0, channel 1 for class 1."""
    head = nn.Linear(2, 2, bias=False)
    nn.init.eye_(head.weight)
    return Localizer(SingleClassifier(ImageAsMap(), head, 2, 2), None, rule).eval()


def two_squares() -> Tensor:
    x = torch.zeros(1, 2, 8, 8)
    x[0, 0, 1:4, 1:4] = 1
    x[0, 1, 4:8, 4:8] = 1
    return x


def test_the_box_is_that_of_the_requested_class_or_of_the_most_probable_one() -> None:
    model = two_class_localizer(BoxRule("cam", 0.5))
    first, second = torch.tensor([[1, 1, 4, 4]]) / 8, torch.tensor([[4, 4, 8, 8]]) / 8
    torch.testing.assert_close(model.locate(two_squares(), torch.tensor([0])).boxes, first)
    for classes in (torch.tensor([1]), torch.tensor([-1]), None):
        torch.testing.assert_close(model.locate(two_squares(), classes).boxes, second)


@pytest.mark.parametrize("source", ["cam", "grad-cam", "layer-cam", "info-cam"])
def test_every_map_of_a_class_finds_its_square(source: str) -> None:
    model = two_class_localizer(BoxRule(source, 0.5))  # pyright: ignore[reportArgumentType]
    found = model.locate(two_squares(), torch.tensor([0])).boxes
    torch.testing.assert_close(found, torch.tensor([[1, 1, 4, 4]]) / 8)


def test_the_box_of_a_blank_image_is_the_whole_image() -> None:
    model = two_class_localizer(BoxRule("cam"))
    torch.testing.assert_close(model.locate(torch.zeros(1, 2, 8, 8)).boxes, torch.tensor([[0.0, 0, 1, 1]]))


def test_the_second_pass_finds_the_square_that_remains_after_erasing() -> None:
    x = two_squares()
    x[:, 0] *= 2
    found = two_class_localizer(BoxRule("erase-and-merge", 0.7, "all")).locate(x).boxes
    torch.testing.assert_close(found, torch.tensor([[1.0, 1, 8, 8]]) / 8)


def test_predicted_corners_in_the_wrong_order_are_swapped() -> None:
    model = built(BoxRule("network"))
    assert model.locator is not None
    fixed = nn.Module()
    fixed.forward = lambda features: torch.tensor([[0.7, 0.1, 0.2, 0.9]]).expand(len(features), -1)
    model.locator.head = fixed
    torch.testing.assert_close(model.locate(torch.zeros(2, 1, 16, 16)).boxes, torch.tensor([[0.2, 0.1, 0.7, 0.9]] * 2))


def test_initial_weights_are_loaded_into_both_networks() -> None:
    model = built(BoxRule("network"))
    trunk = build(SPEC).backbone.state_dict()
    load_weights(model, Weights(trunk=trunk))
    assert model.locator is not None
    for network in (model.classifier, model.locator):
        assert all(torch.equal(tensor, trunk[name]) for name, tensor in network.backbone.state_dict().items())


@pytest.mark.usefixtures("in_float64")
def test_the_logits_are_those_of_the_classifier() -> None:
    model, x = built(BoxRule("network")), torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(x), model.classifier(x))
    torch.testing.assert_close(model.locate(x).logits, model.classifier(x))


@pytest.mark.usefixtures("in_float64")
def test_a_spatial_locator_learns_the_location_of_a_square_on_a_fixed_backbone() -> None:
    torch.manual_seed(0)
    x, boxes = torch.zeros(2, 3, 8, 8), torch.tensor([[0.0, 0.0, 0.25, 0.5], [0.5, 0.25, 1.0, 1.0]])
    x[0, :, :4, :2] = x[1, :, 2:, 4:] = 1
    locator = SpatialLocator(ImageAsMap(), 3, 8, 8)
    optimizer = torch.optim.SGD(locator.parameters(), lr=0.1, momentum=0.9)
    for _ in range(200):
        loss = (locator(x) - boxes).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(locator(x), boxes, atol=0.05, rtol=0)
    torch.testing.assert_close(locator(3 * x), locator(x))


def test_a_specification_with_places_builds_a_spatial_locator() -> None:
    spec = replace(SPEC, boxes=BoxRule("network"), places=True)
    found = build(ModelSpec.from_dict(spec.to_dict()))
    assert isinstance(found, Localizer)
    assert isinstance(found.locator, SpatialLocator)
    assert found.locate(torch.zeros(2, 1, 16, 16)).boxes.shape == (2, 4)
