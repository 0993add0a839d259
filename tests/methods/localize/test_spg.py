"""SPG: seeds, and the supervision of the branches."""

from math import log
from typing import Any

import pytest
import torch
from tests.methods.linear import batch
from torch import nn

from fewlabels.errors import UserError
from fewlabels.methods.localize.spg import SPG, SPGParameters, seed_loss
from fewlabels.methods.method import Batch, Problem
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.localizer import Localizer


def made(backbone: str = "small_cnn", size: int = 16, **values: Any) -> SPG:
    torch.manual_seed(0)
    parameters = SPGParameters(**values)
    parameters.validate(3)
    rule = SPG.network(parameters).boxes
    model = build(ModelSpec(backbone, 3, 3, size, "linear", None, (0.5,) * 3, (0.3,) * 3, boxes=rule))
    assert isinstance(model, Localizer)
    return SPG(model, parameters, Problem(3, 8, 8, 0))


def images(size: int = 16) -> Batch:
    x = torch.randn(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    return batch(x, [0, 1, 2, 0], (x,))


def doubles(values: list[list[list[float]]]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_seeds_are_places_above_foreground_or_below_background() -> None:
    """sigmoid(log 3) = 3/4: -log of it for foreground, -log of 1/4 for background; .7 and .3 themselves are ignored."""
    logits = doubles([[[log(3), log(3), 9, 9]]]).requires_grad_()
    loss = seed_loss(logits, doubles([[[0.8, 0.2, 0.7, 0.3]]]), 0.7, 0.3)
    assert abs(loss.item() - (log(4 / 3) + log(4)) / 2) < 1e-12
    loss.backward()
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, doubles([[[-0.125, 0.375, 0, 0]]]))


def test_all_images_weigh_the_same_and_one_without_a_seed_zero() -> None:
    """So that the mean over processes is the mean over the batch."""
    logits = torch.zeros(3, 1, 4, dtype=torch.float64)
    logits[1] = log(3)
    guide = doubles([[[1, 1, 1, 1]], [[0, 0.5, 0.5, 0.5]], [[0.5, 0.5, 0.5, 0.5]]])
    assert abs(seed_loss(logits, guide, 0.7, 0.3).item() - (log(2) + log(4)) / 3) < 1e-12


def test_seeds_have_no_gradient() -> None:
    guide = doubles([[[0.9, 0.1]]]).requires_grad_()
    logits = doubles([[[1, 1]]]).requires_grad_()
    seed_loss(logits, guide, 0.7, 0.3).backward()
    assert guide.grad is None


@pytest.mark.parametrize(
    ("term", "learns"), [("seeds_b2", {"own.1", "shared"}), ("seeds_b1", {"own.0", "shared"}), ("seeds_c", {"final"})]
)
def test_a_seed_trains_its_branch_and_the_trunk_and_nothing_else(term: str, learns: set[str]) -> None:
    """The background thresholds of B1 and C give seeds at the start, when every sigmoid is about 1/2."""
    method = made(
        inner_foreground=0.6, inner_background=0.6, fused_foreground=0.6, fused_background=0.6,
    )  # fmt: skip
    method.losses(images()).terms[term].backward()
    moved = {name for name, w in method.named_parameters() if w.grad is not None and w.grad.any()}
    branches = {name for name in moved if not name.startswith("model.")}
    known = ("own.0", "own.1", "shared", "final")
    assert {branch for branch in known for name in branches if name.startswith(branch)} == learns
    assert any(".backbone." in name for name in moved)
    assert not any(".head." in name for name in moved)


@pytest.mark.parametrize(
    ("inner", "b1", "c"),
    [
        (2.0, 0.1269280110, 0.3132616875),  # sigmoid .88: foreground for both
        (0.2, 0.5981388693, 0.0),  # .55: foreground for B1, ignored for C
        (-0.5, 0.0, 0.0),  # .38: ignored for both
        (-2.5, 0.0, 1.3132616875),  # .08: background for C, ignored for B1
        (-4.0, 0.0181499279, 1.3132616875),  # .02: background for both
    ],
)
def test_the_inner_maps_supervise_b1_and_c(inner: float, b1: float, c: float) -> None:
    """The maps of B1 and B2 are ``inner`` everywhere, that of C is 1.

    The loss is softplus(-z) for foreground and softplus(z) for background.
    """
    method = made()
    for branch, value in ((method.shared, inner), (method.final, 1.0)):
        last = [layer for layer in branch.modules() if isinstance(layer, nn.Conv2d)][-1]
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, value)  # pyright: ignore[reportArgumentType]
    terms = method.losses(images()).terms
    assert terms["seeds_b1"].item() == pytest.approx(b1, abs=1e-6)
    assert terms["seeds_c"].item() == pytest.approx(c, abs=1e-6)


def test_the_attention_is_the_map_of_the_true_class() -> None:
    method, x = made(), images().labelled.views[0]
    losses = [method.losses(batch(x, [label] * 4, (x,))).terms["seeds_b2"].item() for label in range(3)]
    assert len(set(losses)) == 3


def test_the_branches_are_not_part_of_the_model() -> None:
    method = made()
    method.losses(images())
    assert not any(module._forward_hooks for module in method.modules())
    assert not any("own" in name or "shared" in name or "final" in name for name in method.model.state_dict())


def test_background_above_foreground_is_refused() -> None:
    with pytest.raises(UserError, match=r"inner_background 0\.6 is above --method\.inner_foreground 0\.5"):
        made(inner_background=0.6)


@pytest.mark.parametrize(("backbone", "size"), [("small_cnn", 64), ("mobilenetv2_100", 64), ("test_convnext", 32)])
def test_every_weight_has_a_gradient(backbone: str, size: int) -> None:
    method = made(backbone, size)
    sum(method.losses(images(size)).terms.values(), torch.zeros(())).backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in method.parameters())
