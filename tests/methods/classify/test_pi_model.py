"""Pi-Model: the squared difference of two predictions, its ramp and its gradient."""

import math

import pytest
import torch
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.pi_model import PiModel, PiModelParameters, agreement_loss

SEVEN = torch.tensor([[math.log(0.7), math.log(0.3)]])
EVEN = torch.zeros(1, 2)


def consistency(parameters: PiModelParameters, weak: Tensor, strong: Tensor, progress: float = 1.0) -> Tensor:
    method = PiModel(identity_model(), parameters, problem())
    return method(batch(EVEN, [0], [weak, strong], progress=progress)).terms["consistency"].detach()


def test_the_distance_of_probabilities_is_divided_by_the_classes() -> None:
    """docs/papers/baselines.md, worked example Pi-model: 0.04, and half of it with a second pair of distance 0."""
    assert abs(float(agreement_loss(SEVEN, EVEN)) - 0.04) < 1e-6
    assert abs(float(agreement_loss(torch.cat([SEVEN, EVEN]), torch.zeros(2, 2))) - 0.02) < 1e-6


@pytest.mark.parametrize(("progress", "share"), [(0, 0), (0.1, 0.25), (0.4, 1), (1, 1)])
def test_the_weight_ramps_up_to_ten_over_the_first_two_fifths(progress: float, share: float) -> None:
    assert abs(float(consistency(PiModelParameters(), EVEN, SEVEN, progress)) - share * 10 * 0.04) < 1e-6


@pytest.mark.parametrize(("progress", "share"), [(0, 0.0067379), (0.2, 0.8187308), (0.25, 1)])
def test_the_weight_of_laine_and_aila_is_available(progress: float, share: float) -> None:
    """docs/papers/baselines.md, worked example Sigmoid ramp: 0.8187308 at 4 of 5."""
    theirs = PiModelParameters(weight=100, ramp=0.25, ramp_shape="sigmoid", learns="both")
    assert abs(float(consistency(theirs, EVEN, SEVEN, progress)) - share * 100 * 0.04) < 1e-5


@pytest.mark.parametrize(("learns", "moved"), [("strong", False), ("both", True)])
def test_the_weak_view_has_a_gradient_only_if_both_views_are_trained(learns: str, moved: bool) -> None:
    """The strong view is zero, so that no weight gets a gradient through it."""
    method = PiModel(identity_model(), PiModelParameters(learns=learns), problem())  # pyright: ignore[reportArgumentType]
    method(batch(EVEN, [0], [SEVEN, EVEN])).terms["consistency"].backward()
    (weight,) = method.parameters()
    assert weight.grad is not None
    assert bool(weight.grad.any()) == moved


def test_both_views_get_the_gradient_of_the_squared_difference() -> None:
    """For two classes the derivative of (p - q)^2 is 2 (p - q) p (1 - p), on either side with its own p."""
    first, second = SEVEN.clone().requires_grad_(), EVEN.clone().requires_grad_()
    agreement_loss(first, second).backward()
    assert first.grad is not None
    assert second.grad is not None
    torch.testing.assert_close(first.grad, torch.tensor([[0.4 * 0.21, -0.4 * 0.21]]))
    torch.testing.assert_close(second.grad, torch.tensor([[-0.4 * 0.25, 0.4 * 0.25]]))


@pytest.mark.parametrize(("name", "value"), [("ramp", 1.5), ("ramp", -0.1), ("weight", -1), ("weight", float("nan"))])
def test_impossible_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{name} "):
        PiModelParameters(**{name: value}).validate(10)
