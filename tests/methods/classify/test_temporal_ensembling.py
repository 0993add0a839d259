"""Temporal Ensembling: the average of each image, and the loss on it."""

import math

import pytest
import torch
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.temporal_ensembling import (
    TemporalEnsembling,
    TemporalEnsemblingParameters,
    ensemble_loss,
)
from fewlabels.methods.image_memory import ImageAverage

SEVEN = torch.tensor([[math.log(0.7), math.log(0.3)]])
EVEN = torch.zeros(1, 2)


def visit(memory: ImageAverage, rows: list[int], values: list[float]) -> None:
    memory.update(torch.tensor(rows), torch.tensor(values, dtype=torch.float64)[:, None])


def test_the_average_of_an_image_is_that_of_the_paper() -> None:
    """docs/papers/baselines.md, worked example Temporal Ensembling: alpha 0.6, predictions 0.2, 0.8, 0.5."""
    memory, row = ImageAverage(3, 1, 0.6).double(), torch.tensor([1])
    expected = [(0.2, 0.08, 0.2), (0.8, 0.368, 0.575), (0.5, 0.4208, 0.5367347)]
    for prediction, total, corrected in expected:
        visit(memory, [1], [prediction])
        assert abs(float(memory.totals[1]) - total) < 1e-9
        assert abs(float(memory.averages(row)) - corrected) < 1e-7


def test_images_outside_the_batch_do_not_change() -> None:
    """The correction uses the image's own visits: row 0, visited once, keeps its first prediction."""
    memory = ImageAverage(3, 1, 0.6).double()
    visit(memory, [0, 1], [0.2, 0.2])
    visit(memory, [1], [0.8])
    averages = memory.averages(torch.tensor([0, 1, 2]))[:, 0]
    torch.testing.assert_close(averages, torch.tensor([0.2, 0.575, 0], dtype=torch.float64))
    assert memory.visited(torch.tensor([2, 0])).tolist() == [False, True]
    assert memory.visits.tolist() == [1, 2, 0]


def test_an_image_that_occurs_twice_in_a_batch_is_visited_once_with_the_mean() -> None:
    memory = ImageAverage(3, 1, 0.6).double()
    visit(memory, [2, 0, 2], [0.1, 0.9, 0.3])
    assert memory.visits.tolist() == [1, 0, 1]
    torch.testing.assert_close(memory.totals[:, 0], torch.tensor([0.36, 0, 0.08], dtype=torch.float64))


def test_only_known_images_count_and_the_loss_is_divided_by_the_batch_size() -> None:
    logits, targets = torch.cat([SEVEN, SEVEN]), torch.full((2, 2), 0.5)
    assert abs(float(ensemble_loss(logits, targets, torch.tensor([True, True]))) - 0.04) < 1e-6
    assert abs(float(ensemble_loss(logits, targets, torch.tensor([True, False]))) - 0.02) < 1e-6
    assert float(ensemble_loss(logits, targets, torch.tensor([False, False]))) == 0


def see(method: TemporalEnsembling, view: Tensor, row: int, progress: float = 1.0) -> tuple[float, list[bool]]:
    losses = method(batch(EVEN, [0], [view], rows=[row], progress=progress))
    assert losses.kept is not None
    return losses.terms["consistency"].item(), losses.kept.tolist()


def test_the_first_visit_has_no_target_and_the_target_of_the_second_is_the_first() -> None:
    method = TemporalEnsembling(identity_model(), TemporalEnsemblingParameters(), problem())
    assert see(method, EVEN, row=5) == (0, [False])
    assert see(method, SEVEN, row=4) == (0, [False])
    loss, known = see(method, SEVEN, row=5)
    assert known == [True]
    assert abs(loss - 30 * 0.04) < 1e-5


def test_the_weight_starts_near_zero() -> None:
    """The sigmoid ramp is exp(-5) at the start of the run."""
    method = TemporalEnsembling(identity_model(), TemporalEnsemblingParameters(), problem())
    see(method, EVEN, row=5)
    assert abs(see(method, SEVEN, row=5, progress=0)[0] - math.exp(-5) * 30 * 0.04) < 1e-6


def test_the_average_has_no_gradient() -> None:
    """The current view is zero, so that only the average could give a gradient."""
    method = TemporalEnsembling(identity_model(), TemporalEnsemblingParameters(), problem())
    method(batch(EVEN, [0], [SEVEN], rows=[1]))
    assert not method.memory.totals.requires_grad
    losses = method(batch(EVEN, [0], [EVEN], rows=[1]))
    assert losses.terms["consistency"] > 0
    losses.terms["consistency"].backward()
    (weight,) = method.parameters()
    assert weight.grad is not None
    assert not weight.grad.any()


@pytest.mark.parametrize(("name", "value"), [("momentum", 1), ("momentum", -0.1), ("ramp", 2), ("weight", -1)])
def test_impossible_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{name} "):
        TemporalEnsemblingParameters(**{name: value}).validate(10)
