"""SNTG: the contrastive loss on features, the classes of the pairs, and the ramp."""

import pytest
import torch
from tests.methods.linear import batch, identity_model, problem
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.methods.classify.sntg import SNTG, SNTGParameters, neighbour_loss


def pair(distance: float, width: int = 4) -> Tensor:
    """Return two features that differ by ``distance`` in every dimension."""
    start = torch.linspace(-1, 1, width, dtype=torch.float64)
    return torch.stack([start, start + distance])


def test_a_pair_of_one_class_costs_its_distance_and_any_other_the_missing_margin() -> None:
    """docs/papers/baselines.md, worked example SNTG: d = 0.3 gives 0.09 and 0.49 for any number of dimensions."""
    for width in (1, 4, 64):
        assert abs(float(neighbour_loss(pair(0.3, width), torch.tensor([2, 2]))) - 0.09) < 1e-9
        assert abs(float(neighbour_loss(pair(0.3, width), torch.tensor([2, 0]))) - 0.49) < 1e-9


def test_pairs_of_different_classes_beyond_the_margin_cost_nothing() -> None:
    assert float(neighbour_loss(pair(1.2), torch.tensor([0, 1]))) == 0
    assert abs(float(neighbour_loss(pair(1.2), torch.tensor([0, 1]), margin=2)) - 0.64) < 1e-9


def test_the_first_half_is_compared_with_the_second() -> None:
    """Pairs are rows 0 and 2 (same class, distance 0.3), 1 and 3 (different, 0.5). A fifth row has no partner."""
    features = torch.tensor([[0.0], [10.0], [0.3], [10.5], [7.0]], dtype=torch.float64)
    classes = torch.tensor([1, 0, 1, 2, 1])
    assert abs(float(neighbour_loss(features, classes)) - (0.09 + 0.25) / 2) < 1e-9


def test_equal_features_of_different_classes_give_a_finite_gradient() -> None:
    features = torch.zeros(2, 3, requires_grad=True)
    neighbour_loss(features, torch.tensor([0, 1])).backward()
    assert features.grad is not None
    assert torch.isfinite(features.grad).all()


@torch.no_grad()
@pytest.mark.parametrize(("label", "expected"), [(0, 0.09), (1, 0.49)])
def test_the_class_is_the_label_or_the_prediction_on_the_second_view(label: int, expected: float) -> None:
    """The second view is predicted as class 0, the first as class 1; features are those of the first."""
    labelled, first, second = torch.zeros(1, 2), torch.tensor([[0.3, 0.3]]), torch.tensor([[3.0, 0.0]])
    method = SNTG(identity_model(), SNTGParameters(), problem())
    losses = method(batch(labelled, [label], [first, second]))
    assert abs(float(losses.terms["neighbours"]) - 0.4 * 100 * expected) < 1e-4


@torch.no_grad()
def test_both_weights_ramp_up_together() -> None:
    views = [torch.tensor([[0.3, 0.0]]), torch.tensor([[3.0, 0.0]])]
    method = SNTG(identity_model(), SNTGParameters(), problem())
    late, early = (method(batch(torch.zeros(1, 2), [0], views, progress=t)).terms for t in (1.0, 0.0))
    for name in ("consistency", "neighbours"):
        assert abs(float(early[name] / late[name]) - 0.0067379) < 1e-6
    torch.testing.assert_close(early["supervised"], late["supervised"])


@torch.no_grad()
def test_pairs_mix_labelled_and_unlabelled_images_in_a_random_order() -> None:
    """Without the random order the labelled images (distance 2, loss 2^2 / 4) would never form a pair."""
    labelled, view = torch.tensor([[0.0, 0.0], [2.0, 2.0]]), torch.tensor([[0.1, 0.1], [0.2, 0.2]])
    method = SNTG(identity_model(), SNTGParameters(weight=1, neighbours=1, ramp=0), problem())
    found = set()
    for key in range(30):
        whole = batch(labelled, [0, 0], [view, torch.tensor([[1.0, 0.0], [1.0, 0.0]])])
        whole = whole._replace(draws=whole.draws._replace(key=key))
        found.add(round(float(method(whole).terms["neighbours"]), 3))
    by_hand = {(2**2 + 0.1**2) / 2, (0.1**2 + 1.8**2) / 2, (0.2**2 + 1.9**2) / 2}
    assert found == {round(value, 3) for value in by_hand}


@pytest.mark.parametrize(("name", "value"), [("ramp", 2), ("margin", -1), ("neighbours", -1), ("weight", -1)])
def test_impossible_values_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(UserError, match=f"--method.{name} "):
        SNTGParameters(**{name: value}).validate(10)
