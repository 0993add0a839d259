"""ADL: the dropout layers, when they are active, and equal choices in all processes."""

from typing import Any

import pytest
import torch
from tests.methods.linear import batch

from fewlabels.errors import UserError
from fewlabels.methods.attention_dropout import attention_dropout, drop_mask, importance_map, self_attention
from fewlabels.methods.localize.adl import ADL, ADLParameters
from fewlabels.methods.method import Batch, Problem
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.localizer import Localizer
from fewlabels.randomness import Draws

FEATURES = torch.tensor([[[1, 2], [3, 4]], [[1, 0], [1, 4]]], dtype=torch.float64)[None]
IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def made(backbone: str = "small_cnn", size: int = 64, **values: Any) -> ADL:
    torch.manual_seed(0)
    parameters = ADLParameters(**values)
    rule = ADL.network(parameters).boxes
    model = build(ModelSpec(backbone, 3, 3, size, "linear", None, (0.5,) * 3, (0.3,) * 3, boxes=rule))
    assert isinstance(model, Localizer)
    return ADL(model, parameters, Problem(3, 8, 8, 0))


def images(size: int = 64) -> Batch:
    x = IMAGES[:, :, :size, :size]
    return batch(x, [0, 1, 2, 0], (x,))


def test_the_strongest_places_are_dropped() -> None:
    """docs/papers/baselines.md, worked example ADL: A is [[1, 1], [2, 4]], the mask [[1, 1], [1, 0]]."""
    attention = self_attention(FEATURES)
    assert attention.tolist() == [[[[1, 1], [2, 4]]]]
    assert drop_mask(attention, 0.9).tolist() == [[[[True, True], [True, False]]]]
    assert attention_dropout(FEATURES, True, 0.9).tolist() == [[[[1, 2], [3, 0]], [[1, 0], [1, 0]]]]


def test_otherwise_every_place_is_weighted_by_its_importance() -> None:
    sigmoids = torch.tensor([[0.7310585786, 0.7310585786], [0.8807970780, 0.9820137900]], dtype=torch.float64)
    torch.testing.assert_close(importance_map(self_attention(FEATURES))[0, 0], sigmoids, atol=1e-9, rtol=0)
    torch.testing.assert_close(attention_dropout(FEATURES, False, 0.9)[0, 0], sigmoids * FEATURES[0, 0])


def test_each_image_has_its_own_maximum() -> None:
    both = torch.cat([FEATURES, 100 * FEATURES])
    assert torch.equal(*drop_mask(self_attention(both), 0.9))


def test_a_place_at_the_threshold_is_dropped() -> None:
    attention = torch.tensor([[[[1.0, 2], [3, 4]]]])
    assert drop_mask(attention, 1.0).tolist() == [[[[True, True], [True, False]]]]
    assert drop_mask(attention, 0.5).tolist() == [[[[True, False], [False, False]]]]


def test_negative_features_do_not_count_as_attention() -> None:
    assert self_attention(torch.tensor([[[[2.0, -6]], [[4.0, -8]]]])).tolist() == [[[[3, 0]]]]


def test_the_layers_are_active_in_the_loss_only() -> None:
    method = made()
    method.eval()
    with torch.no_grad():
        plain = torch.nn.functional.cross_entropy(method.model(IMAGES), torch.tensor([0, 1, 2, 0]))
        assert method.losses(images()).terms["supervised"] != plain
        assert torch.nn.functional.cross_entropy(method.model(IMAGES), torch.tensor([0, 1, 2, 0])) == plain
    assert not any(module._forward_hooks for module in method.modules())


def test_the_choice_depends_on_the_step_and_not_on_a_slot() -> None:
    method = made()
    steps = [Draws(step, torch.arange(4)) for step in range(400)]
    choices = torch.tensor([method.choices(step) for step in steps]).float()
    assert all(method.choices(Draws(step.key, torch.arange(4, 8))) == method.choices(step) for step in steps[:20])
    assert (choices.mean(0) - 0.75).abs().max() < 0.08
    assert torch.corrcoef(choices.T)[0, 1].abs() < 0.15


@pytest.mark.parametrize(("drop", "expected"), [(0.0, [False, False]), (1.0, [True, True])])
def test_probabilities_of_0_and_1_are_never_and_always(drop: float, expected: list[bool]) -> None:
    assert all(made(drop=drop).choices(Draws(step, torch.arange(4))) == expected for step in range(20))


@pytest.mark.parametrize(("backbone", "size"), [("small_cnn", 16), ("mobilenetv2_100", 64), ("test_convnext", 32)])
@pytest.mark.parametrize("drop", [0.0, 1.0])
def test_every_weight_of_the_trunk_has_a_gradient(backbone: str, size: int, drop: float) -> None:
    method = made(backbone, size, drop=drop)
    method.losses(images(size)).terms["supervised"].backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in method.parameters())


def test_a_network_without_stages_is_refused_before_training() -> None:
    torch.manual_seed(0)
    method = made()
    method.model.classifier.backbone = torch.nn.Identity()
    with pytest.raises(UserError, match="stages"):
        ADL(method.model, method.p, method.problem)
