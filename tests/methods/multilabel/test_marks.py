"""Losses over known marks, and pseudo-marks (docs/papers/saliency-regularization.md, S-1 to S-3)."""

import math
from typing import get_args

import pytest
import torch

from fewlabels.methods.marks import Normaliser, known_loss, mark_losses, over_images, pseudo_marks, sure

from .marked import doubles

LOGITS = doubles([[1.5, -1, 0, 0.3], [0.2, -0.4, 2, -2]])
MARKS = torch.tensor([[1, -1, 0, 0], [-1, -1, 1, -1]], dtype=torch.int8)


def test_known_marks_have_their_cross_entropy_and_unknown_ones_zero() -> None:
    """docs/papers/saliency-regularization.md, S-3."""
    expected = doubles([[0.2014132780, 0.3132616875, 0, 0], [0.7981388694, 0.5130152524, 0.1269280110, 0.1269280110]])
    torch.testing.assert_close(mark_losses(LOGITS, MARKS), expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("normaliser", "expected"), [("batch", 0.3466141849), ("class", 0.2599606387), ("image", 0.3242950094)]
)
def test_the_loss_has_the_divisor_of_its_row_of_the_table(normaliser: Normaliser, expected: float) -> None:
    """S-3: BN-BCE, S-BCE, and Eq. 9 and 10, whose sum over two images is .6485900187."""
    assert abs(float(known_loss(LOGITS, MARKS, normaliser)) - expected) < 1e-9


@pytest.mark.parametrize(("normaliser", "expected"), [("batch", 0.2266711797), ("class", 0.1511141198)])
def test_the_loss_of_an_image_with_an_unknown_mark(normaliser: Normaliser, expected: float) -> None:
    """docs/papers/saliency-regularization.md, S-1."""
    logits, marks = doubles([[1.5, -1.25, 2.75]]), torch.tensor([[1, -1, 0]], dtype=torch.int8)
    assert abs(float(known_loss(logits, marks, normaliser)) - expected) < 1e-9


@pytest.mark.parametrize("normaliser", get_args(Normaliser))
def test_without_a_known_mark_the_loss_and_its_gradient_are_zero(normaliser: Normaliser) -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = known_loss(logits, torch.zeros(2, 3, dtype=torch.int8), normaliser)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


def test_a_certainly_wrong_prediction_has_a_gradient() -> None:
    logits = torch.tensor([[-200.0, 200.0]], requires_grad=True)
    loss = known_loss(logits, torch.tensor([[1, -1]], dtype=torch.int8))
    loss.backward()
    assert loss.item() == 200
    torch.testing.assert_close(logits.grad, torch.tensor([[-0.5, 0.5]]))


def test_low_precision_logits_are_converted_to_float32() -> None:
    assert known_loss(LOGITS.bfloat16(), MARKS).dtype == torch.float32
    assert known_loss(LOGITS, MARKS).dtype == torch.float64


def test_the_sum_is_over_all_marks_and_the_mean_over_images() -> None:
    losses = doubles([[1, 2, 3], [4, 5, 6]])
    assert float(over_images(losses, "sum")) == 21
    assert float(over_images(losses, "mean")) == 10.5


def test_saliency_gives_a_pseudo_mark_where_the_mean_alone_does_not() -> None:
    """S-2: class 2 of S-1 has the mean 1.5 and, with saliency, the logit 2.75."""
    unknown = torch.zeros(1, 1, dtype=torch.int8)
    found = {
        (tau, z): int(pseudo_marks(doubles([[z]]), unknown, tau)) for tau in (0.6, 0.9) for z in (1.5, 2.75)
    }  # fmt: skip
    assert found == {(0.6, 1.5): 1, (0.6, 2.75): 1, (0.9, 1.5): 0, (0.9, 2.75): 1}


def test_only_unknown_marks_get_pseudo_marks_and_without_gradient() -> None:
    logits = doubles([[3, 3, 3, -3, 0]]).requires_grad_()
    marks = torch.tensor([[1, -1, 0, 0, 0]], dtype=torch.int8)
    found = pseudo_marks(logits, marks, 0.6)
    assert found.tolist() == [[0, 0, 1, -1, 0]]
    assert found.dtype == torch.int8
    assert not found.requires_grad


def test_present_and_absent_at_once_is_unknown() -> None:
    """docs/papers/saliency-regularization.md, R11: tau 0.5 and p 0.5."""
    assert int(pseudo_marks(torch.zeros(1, 1), torch.zeros(1, 1), 0.5)) == 0


def test_a_mark_is_sure_if_either_side_is_probable() -> None:
    assert sure(torch.tensor([[0.9, 0.5, 0.05]]), 0.9).tolist() == [[True, False, True]]
    assert math.isclose(float(known_loss(torch.zeros(1, 1), torch.ones(1, 1))), math.log(2), rel_tol=1e-6)
