"""Focal and asymmetric losses, compared with torchvision and values computed by hand."""

import pytest
import torch
from torchvision.ops import sigmoid_focal_loss

from fewlabels.methods.focusing import focused_losses

from .marked import batch, doubles, make, untouched_model


def test_equal_gammas_without_a_clip_are_the_focal_loss() -> None:
    logits = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 4
    present = logits.roll(1) > 0
    expected = sigmoid_focal_loss(logits, present.double(), alpha=-1, gamma=2)
    torch.testing.assert_close(focused_losses(logits, present, 2.0, 2.0), expected)


def test_the_focal_gradient_flows_through_the_weight() -> None:
    logits = doubles([[1.0, -0.5]]).requires_grad_()
    other = logits.detach().clone().requires_grad_()
    present = torch.tensor([[True, False]])
    focused_losses(logits, present, 2.0, 2.0).sum().backward()
    sigmoid_focal_loss(other, present.double(), alpha=-1, gamma=2, reduction="sum").backward()
    torch.testing.assert_close(logits.grad, other.grad)


def test_absences_are_shifted_and_have_their_own_gamma() -> None:
    """docs/papers/baselines.md, worked example ASL: gammas 1 and 4, clip .05."""
    losses = focused_losses(doubles([[1, -1]]), torch.tensor([[True, False]]), 1.0, 4.0, 0.05)
    assert abs(float(losses.sum()) - 0.0848168410) < 1e-9


def test_very_easy_absences_count_zero() -> None:
    """sigmoid(-3) is .047, below the clip."""
    logits = doubles([[-3.0]]).requires_grad_()
    loss = focused_losses(logits, torch.tensor([[False]]), 0.0, 4.0, 0.05).sum()
    loss.backward()
    assert abs(loss.item()) < 1e-200
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("clip", [0.0, 0.05])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 4.0])
def test_certain_predictions_have_finite_losses_and_gradients(gamma: float, clip: float) -> None:
    logits = torch.tensor([[-300.0, 300.0], [300.0, -300.0]], requires_grad=True)
    losses = focused_losses(logits, torch.tensor([[True, False], [True, False]]), gamma, gamma, clip)
    losses.sum().backward()
    assert losses.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_focal_is_the_mean_over_known_marks() -> None:
    """Logits 1 (present), -.5 (absent) and 2 (unknown); values by torchvision."""
    logits = doubles([[1, -0.5, 2]])
    loss = make("focal", untouched_model(3))(batch((logits,), torch.tensor([[1, -1, 0]]))).terms["supervised"]
    known = sigmoid_focal_loss(logits[:, :2], doubles([[1, 0]]), alpha=-1, gamma=2, reduction="mean")
    assert abs(loss.item() - float(known)) < 1e-12


def test_asymmetric_treats_unknown_marks_as_absent() -> None:
    """The worked example, once with the absence known and once unknown; two images, mean and sum."""
    logits = doubles([[1, -1], [1, -1]])
    for marks in ([[1, -1], [1, -1]], [[1, 0], [1, 0]]):
        for reduction, expected in (("mean", 0.0848168410), ("sum", 2 * 0.0848168410)):
            method = make("asymmetric", untouched_model(2), classes=2, gamma_present=1.0, reduction=reduction)
            loss = method(batch((logits,), torch.tensor(marks))).terms["supervised"]
            assert abs(loss.item() - expected) < 1e-9
