"""Hide-and-Seek: hidden cells of the training images."""

from typing import Any

import torch
from tests.methods.linear import batch
from torch import Tensor, nn

from fewlabels.methods.localize.hide_and_seek import HideAndSeek, HideAndSeekParameters
from fewlabels.methods.method import Problem
from fewlabels.models.classifier import SingleClassifier
from fewlabels.randomness import Draws


class Seen(SingleClassifier):
    """A classifier that stores its input."""

    def __init__(self) -> None:
        super().__init__(nn.Identity(), nn.Identity(), 3, 3)
        self.images = torch.zeros(0)

    def features(self, x: Tensor) -> Tensor:
        self.images = x
        return x.mean((2, 3))


IMAGES = torch.rand(8, 3, 12, 12) + 1


def shown(slots: Tensor, key: int = 5, **values: Any) -> Tensor:
    """Return the network's input for images without zeros."""
    model = Seen()
    method = HideAndSeek(model, HideAndSeekParameters(**values), Problem(3, 8, 8, 0))
    one = batch(IMAGES[slots], [0] * len(slots), (slots,))
    method.losses(one._replace(draws=Draws(key, slots)))
    return model.images


def test_cells_of_four_pixels_are_hidden_and_other_pixels_do_not_change() -> None:
    found = shown(torch.arange(8))
    gone = (found == 0).all(1)
    assert torch.equal(found[:, 0][~gone], IMAGES[:, 0][~gone])
    assert torch.equal(gone, gone[:, ::4, ::4].repeat_interleave(4, 1).repeat_interleave(4, 2))
    assert 20 < gone[:, ::4, ::4].sum() < 52


def test_each_step_has_its_own_cells_and_two_processes_have_those_of_one() -> None:
    every = shown(torch.arange(8))
    assert not torch.equal(every, shown(torch.arange(8), key=6))
    assert torch.equal(every[4:], shown(torch.arange(4, 8)))


def test_the_grid_and_the_probability_are_parameters() -> None:
    assert torch.equal(shown(torch.arange(8), drop=0.0), IMAGES)
    assert not shown(torch.arange(8), drop=1.0).any()
    whole = (shown(torch.arange(8), grid=12) == 0).flatten(1)
    assert torch.equal(whole.any(1), whole.all(1))
    assert 0 < whole.all(1).sum() < 8
