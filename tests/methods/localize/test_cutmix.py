"""CutMix: the pasted box, its place, and the shares of the labels."""

from typing import Any

import pytest
import torch
from tests.methods.linear import batch
from torch import nn

from fewlabels.methods.localize.cutmix import AreaMix, CutMix, CutMixParameters
from fewlabels.methods.method import Problem
from fewlabels.models.classifier import SingleClassifier
from fewlabels.randomness import Draws

LABELS = torch.arange(6)
CONSTANT = torch.arange(6.0)[:, None, None, None].expand(6, 1, 10, 10) + torch.rand(10, 10) / 2
"""Image i has values from i to i + 1/2, with the same offset at the same place."""


class Mean(SingleClassifier):
    """A classifier whose features and logits are the means of the channels."""

    def __init__(self) -> None:
        super().__init__(nn.Identity(), nn.Identity(), 2, 2)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean((2, 3))


def made(**values: Any) -> CutMix:
    return CutMix(Mean(), CutMixParameters(**values), Problem(6, 8, 8, 0))


def mixed(key: int, rows: slice = slice(None), **values: Any) -> AreaMix:
    return made(**values).mix(CONSTANT[rows], LABELS[rows], Draws(key, torch.arange(6)[rows]))


def boxed(found: AreaMix) -> torch.Tensor:
    """Return which pixels come from another image, (B, H, W) bool."""
    return found.images[:, 0].floor() != LABELS[:, None, None]


def test_pasted_pixels_keep_their_place_and_value() -> None:
    for key in range(50):
        found = mixed(key)
        offsets = CONSTANT[0, 0]
        own, others = (labels[:, None, None] + offsets for labels in (LABELS.float(), found.others.float()))
        assert ((found.images[:, 0] == own) | (found.images[:, 0] == others)).all()


def test_all_images_have_one_box_and_the_share_is_its_area_after_clipping() -> None:
    seen = []
    for key in range(200):
        found = mixed(key)
        foreign = boxed(found)[found.others != LABELS]
        assert (foreign == foreign[:1]).all()
        if len(foreign):
            assert float(found.share) == pytest.approx(1 - float(foreign[0].float().mean()))
            rows, columns = (foreign[0].any(axis).sum() for axis in (1, 0))
            assert foreign[0].sum() == rows * columns
        seen.append(float(found.share))
    assert min(seen) < 0.4
    assert max(seen) == 1


def test_partners_are_a_permutation_of_the_whole_batch() -> None:
    orders = [mixed(key).others for key in range(50)]
    assert all(torch.equal(order.sort().values, LABELS) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) > 40


def test_another_step_has_another_box() -> None:
    assert len({float(mixed(key).share) for key in range(50)}) > 10


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 180, 200)])
def test_batches_are_mixed_with_the_given_probability(probability: float, low: int, high: int) -> None:
    """Of 200 batches; some boxes have no pixels."""
    assert low <= sum(bool(mixed(key, probability=probability).share < 1) for key in range(200)) <= high


@pytest.mark.usefixtures("in_float64")
def test_the_loss_is_weighted_by_area() -> None:
    """Logits are mean pixels: images of (1, 0) and (0, 1) that keep the share s have the logits (s, 1 - s)."""
    x = torch.zeros(2, 2, 10, 10)
    x[0, 0] = x[1, 1] = 1
    tried = 0
    for step in range(30):
        one = batch(x, [0, 1], (x,))._replace(draws=Draws(step, torch.arange(2)))
        found = made().mix(x, torch.tensor([0, 1]), one.draws)
        if found.others.tolist() == [1, 0]:
            tried += 1
            s = float(found.share)
            p = torch.tensor([s, 1 - s]).softmax(0)
            expected = -(s * p[0].log() + (1 - s) * p[1].log())
            torch.testing.assert_close(made().losses(one).terms["supervised"], expected)
    assert tried > 5
