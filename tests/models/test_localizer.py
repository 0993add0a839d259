"""A localizer answers with the class and a box, whatever the box comes from."""

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


def made(rule: BoxRule) -> Localizer:
    torch.manual_seed(0)
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.25,), boxes=rule)).eval()
    assert isinstance(model, Localizer)
    return model


class Passing(nn.Module):
    """The image is the last map."""

    def forward_features(self, x: Tensor) -> Tensor:
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x.mean((2, 3))


def two_things(rule: BoxRule) -> Localizer:
    """Channel 0 is the evidence for class 0, channel 1 that for class 1."""
    head = nn.Linear(2, 2, bias=False)
    nn.init.eye_(head.weight)
    return Localizer(SingleClassifier(Passing(), head, 2, 2), None, rule).eval()


def two_squares() -> Tensor:
    x = torch.zeros(1, 2, 8, 8)
    x[0, 0, 1:4, 1:4] = 1
    x[0, 1, 4:8, 4:8] = 1
    return x


def test_the_box_is_that_of_the_class_asked_for_and_else_of_the_likeliest() -> None:
    model = two_things(BoxRule("cam", 0.5))
    first, second = torch.tensor([[1, 1, 4, 4]]) / 8, torch.tensor([[4, 4, 8, 8]]) / 8
    torch.testing.assert_close(model.locate(two_squares(), torch.tensor([0])).boxes, first)
    for classes in (torch.tensor([1]), torch.tensor([-1]), None):
        torch.testing.assert_close(model.locate(two_squares(), classes).boxes, second)


@pytest.mark.parametrize("source", ["cam", "grad-cam", "layer-cam", "info-cam"])
def test_every_map_of_a_class_finds_what_is_plain_to_see(source: str) -> None:
    model = two_things(BoxRule(source, 0.5))  # pyright: ignore[reportArgumentType]
    found = model.locate(two_squares(), torch.tensor([0])).boxes
    torch.testing.assert_close(found, torch.tensor([[1, 1, 4, 4]]) / 8)


def test_an_image_that_shows_nothing_is_boxed_whole() -> None:
    model = two_things(BoxRule("cam"))
    torch.testing.assert_close(model.locate(torch.zeros(1, 2, 8, 8)).boxes, torch.tensor([[0.0, 0, 1, 1]]))


def test_erasing_what_was_found_first_finds_the_rest() -> None:
    x = two_squares()
    x[:, 0] *= 2
    found = two_things(BoxRule("erase-and-merge", 0.7, "all")).locate(x).boxes
    torch.testing.assert_close(found, torch.tensor([[1.0, 1, 8, 8]]) / 8)


def test_corners_that_a_network_gives_the_wrong_way_round_are_put_in_order() -> None:
    model = made(BoxRule("network"))
    assert model.locator is not None
    fixed = nn.Module()
    fixed.forward = lambda features: torch.tensor([[0.7, 0.1, 0.2, 0.9]]).expand(len(features), -1)
    model.locator.head = fixed
    torch.testing.assert_close(model.locate(torch.zeros(2, 1, 16, 16)).boxes, torch.tensor([[0.2, 0.1, 0.7, 0.9]] * 2))


def test_first_weights_go_into_both_networks() -> None:
    model = made(BoxRule("network"))
    trunk = build(SPEC).backbone.state_dict()
    load_weights(model, Weights(trunk=trunk))
    assert model.locator is not None
    for network in (model.classifier, model.locator):
        assert all(torch.equal(tensor, trunk[name]) for name, tensor in network.backbone.state_dict().items())


@pytest.mark.usefixtures("in_float64")
def test_the_class_is_the_classifiers() -> None:
    model, x = made(BoxRule("network")), torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(x), model.classifier(x))
    torch.testing.assert_close(model.locate(x).logits, model.classifier(x))


@pytest.mark.usefixtures("in_float64")
def test_a_head_over_places_learns_where_a_square_is_though_its_trunk_does_not() -> None:
    torch.manual_seed(0)
    x, boxes = torch.zeros(2, 3, 8, 8), torch.tensor([[0.0, 0.0, 0.25, 0.5], [0.5, 0.25, 1.0, 1.0]])
    x[0, :, :4, :2] = x[1, :, 2:, 4:] = 1
    locator = SpatialLocator(Passing(), 3, 8, 8)
    optimizer = torch.optim.SGD(locator.parameters(), lr=0.1, momentum=0.9)
    for _ in range(200):
        loss = (locator(x) - boxes).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.testing.assert_close(locator(x), boxes, atol=0.05, rtol=0)
    torch.testing.assert_close(locator(3 * x), locator(x))


def test_a_description_with_places_builds_such_a_head() -> None:
    spec = replace(SPEC, boxes=BoxRule("network"), places=True)
    found = build(ModelSpec.from_dict(spec.to_dict()))
    assert isinstance(found, Localizer)
    assert isinstance(found.locator, SpatialLocator)
    assert found.locate(torch.zeros(2, 1, 16, 16)).boxes.shape == (2, 4)
