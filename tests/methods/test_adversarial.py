"""Adversarial directions and perturbations (docs/papers/student-report.md, T-2 and T-3)."""

import pytest
import torch
from torch import Tensor, nn

from fewlabels.methods.adversarial import (
    fast_gradient_sign,
    input_gradient,
    unit,
    virtual_adversarial_direction,
)
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier, SingleClassifier

X = torch.tensor([[0.2, -0.1]], dtype=torch.float64)
E1 = torch.tensor([[1.0, 0.0]], dtype=torch.float64)


def linear(weight: list[list[float]]) -> Classifier:
    """Return a classifier of two features without backbone and bias."""
    head = nn.Linear(2, len(weight), bias=False, dtype=torch.float64)
    head.weight.data = torch.tensor(weight, dtype=torch.float64)
    return SingleClassifier(nn.Identity(), head, 2, len(weight))


def two_classes() -> Classifier:
    """Return the network of T-2, with the logits (3 x + 4 y, 0)."""
    return linear([[3.0, 4.0], [0.0, 0.0]])


def convolutional() -> Classifier:
    torch.manual_seed(0)
    return build(ModelSpec("small_cnn", 5, 1, 16, "linear", None, (0.5,), (0.25,)))


def lengths(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)


def test_a_tiny_gradient_becomes_a_direction_of_length_one() -> None:
    """T-3: with 1e-8 added to the norm the result would have the length 3.7e-4."""
    p = two_classes()(X).softmax(1).detach()
    r = E1.clone().requires_grad_()
    log_q = two_classes()(X + 1e-6 * r).log_softmax(1)
    (gradient,) = torch.autograd.grad((p * (p.log() - log_q)).sum(), r)
    assert float(gradient.norm()) == pytest.approx(3.712748e-12, rel=1e-5)
    direction = unit(gradient)
    assert float(direction.norm()) == pytest.approx(1, rel=1e-5)
    torch.testing.assert_close(direction, torch.tensor([[0.6, 0.8]], dtype=torch.float64), rtol=1e-5, atol=0)


@pytest.mark.parametrize("size", [1e-35, 1e-20, 1.0, 1e30])
def test_the_length_is_one_for_any_scale_in_float32(size: float) -> None:
    x = size * torch.tensor([[3.0, 4.0], [-4.0, 3.0]])
    torch.testing.assert_close(unit(x), torch.tensor([[0.6, 0.8], [-0.8, 0.6]]))


def test_a_row_of_zeros_stays_zero_and_does_not_affect_other_rows() -> None:
    x = torch.zeros(2, 1, 2, 2)
    x[1] = 2
    assert unit(x).flatten(1).tolist() == [[0, 0, 0, 0], [0.5, 0.5, 0.5, 0.5]]


@pytest.mark.parametrize("xi", [1e-6, 0.1, 1.0])
@pytest.mark.parametrize("iterations", [1, 5])
def test_the_direction_of_a_linear_network_is_its_weight(xi: float, iterations: int) -> None:
    """T-2: +-(0.6, 0.8) for any xi."""
    p = two_classes()(X).softmax(1).detach()
    direction = virtual_adversarial_direction(two_classes(), X, p, xi, iterations, E1)
    torch.testing.assert_close(direction.abs(), torch.tensor([[0.6, 0.8]], dtype=torch.float64), rtol=1e-5, atol=0)


def test_a_large_xi_keeps_the_sign_of_the_start() -> None:
    p = two_classes()(X).softmax(1).detach()
    expected = torch.tensor([[0.6, 0.8]], dtype=torch.float64)
    for sign in (1, -1):
        found = virtual_adversarial_direction(two_classes(), X, p, 10.0, 1, sign * E1)
        torch.testing.assert_close(found, sign * expected, rtol=1e-6, atol=0)


def test_no_iteration_returns_the_normalised_start() -> None:
    start = torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    found = virtual_adversarial_direction(two_classes(), X, E1, 10.0, 0, start)
    assert found.tolist() == [[0.6, 0.8]]


def test_a_certain_prediction_keeps_the_direction() -> None:
    """Its gradient is exactly zero in float32."""
    model = linear([[1000.0, 0.0], [-1000.0, 0.0]]).float()
    x, start = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 2.0]])
    found = virtual_adversarial_direction(model, x, torch.tensor([[1.0, 0.0]]), 0.1, 2, start)
    assert found.tolist() == [[0, 1]]


def test_the_direction_changes_the_prediction_more_than_a_random_one() -> None:
    model, x = convolutional().eval(), torch.randn(16, 1, 16, 16)
    with torch.no_grad():
        p = model(x).softmax(1)
    start = torch.randn_like(x)

    def divergence(iterations: int) -> float:
        moved = x + virtual_adversarial_direction(model, x, p, 0.1, iterations, start)
        with torch.no_grad():
            return float((p * (p.log() - model(moved).log_softmax(1))).sum(1).mean())

    assert divergence(1) > 3 * divergence(0)


def test_only_the_input_gets_a_gradient_and_statistics_do_not_change() -> None:
    model = convolutional().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = torch.randn(4, 1, 16, 16, requires_grad=True)
    targets = torch.full((4, 5), 0.2)
    moved = fast_gradient_sign(model, x, torch.arange(4), 0.1)
    moved = moved + virtual_adversarial_direction(model, x, targets, 1.0, 2, torch.randn(4, 1, 16, 16))
    assert all(weight.grad is None for weight in model.parameters())
    assert x.grad is None
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    (through,) = torch.autograd.grad(moved.sum(), x)
    assert torch.equal(through, torch.ones_like(x))


def test_a_gradient_is_computed_within_no_grad_and_in_bf16() -> None:
    model, x, start = convolutional(), torch.randn(8, 1, 16, 16), torch.randn(8, 1, 16, 16)
    with torch.no_grad():
        p = model(x).softmax(1)
        exact = virtual_adversarial_direction(model, x, p, 1.0, 1, start)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rough = virtual_adversarial_direction(model, x, p, 1.0, 1, start)
    assert rough.dtype == torch.float32
    torch.testing.assert_close(lengths(rough), torch.ones(8))
    assert float((exact * rough).flatten(1).sum(1).mean()) > 0.8


def test_a_frozen_trunk_does_not_block_the_gradient() -> None:
    model = convolutional()
    model.backbone.requires_grad_(False)
    assert input_gradient(model, torch.randn(2, 1, 16, 16), torch.tensor([0, 1])).any()


def test_the_fast_gradient_sign_changes_every_value_by_eps_and_raises_the_loss() -> None:
    """In the network of T-2 the loss of class 0 grows along -(3, 4), that of class 1 along (3, 4)."""
    x = X.expand(2, 2)
    moved = fast_gradient_sign(two_classes(), x, torch.tensor([0, 1]), 0.25)
    torch.testing.assert_close(moved - x, torch.tensor([[-0.25, -0.25], [0.25, 0.25]], dtype=torch.float64))
