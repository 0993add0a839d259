"""What a frozen trunk gave is found again by the image."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from fewlabels.models.memory import TrunkMemory, seen_once


class Counting:
    """A trunk that halves images, and counts them."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.images += len(x)
        return x / 2


def given(memory: TrunkMemory, trunk: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """Images 0, 1, ..., all of one value, through the memory."""
    return memory(torch.arange(float(count))[:, None, None, None].expand(count, 3, 4, 4), trunk)


def test_an_image_passes_once_whoever_asks_and_in_whatever_company() -> None:
    memory, trunk = TrunkMemory(1 << 20), Counting()
    assert torch.equal(given(memory, trunk, 2)[:, 0, 0, 0], torch.tensor([0.0, 0.5]))
    assert torch.equal(given(deepcopy(memory), trunk, 4)[:, 0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.5]))
    assert (trunk.images, len(memory)) == (4, 4)
    memory(torch.zeros(2, 3, 4, 4), trunk)
    assert trunk.images == 4


def test_what_is_seen_once_passes_each_time_and_is_not_kept() -> None:
    memory, trunk, other = TrunkMemory(1 << 20), Counting(), TrunkMemory(1 << 20)
    network, further = torch.nn.Module(), torch.nn.Module()
    network.memory, further.memory, network.further = memory, other, further  # pyright: ignore
    expected = given(memory, Counting(), 20)
    with seen_once(network):
        assert torch.equal(given(memory, trunk, 20), expected)
        given(other, trunk, 20)
    assert (trunk.images, len(memory), len(other)) == (40, 20, 0)
    given(other, trunk, 20)
    assert (trunk.images, len(other)) == (60, 20)


def test_of_blocks_in_each_other_the_inner_one_does_not_end_the_outer() -> None:
    network = torch.nn.Module()
    network.memory = memory = TrunkMemory(1 << 20)  # pyright: ignore
    with seen_once(network):
        with seen_once(network):
            pass
        given(memory, Counting(), 3)
    assert len(memory) == 0


def test_beyond_the_limit_maps_are_given_but_not_kept() -> None:
    memory, trunk = TrunkMemory(3 * 3 * 4 * 4 * 2), Counting()
    first = given(memory, trunk, 5)
    assert len(memory) == 3
    assert torch.equal(given(memory, trunk, 5), first)
    assert trunk.images == 5 + 2


def test_what_is_kept_is_of_half_precision_as_is_what_is_not() -> None:
    x, kept, none = torch.full((1, 3, 4, 4), 1 / 3), TrunkMemory(1 << 20), TrunkMemory(0)
    first, again, never = kept(x, Counting()), kept(x, Counting()), none(x, Counting())
    assert torch.equal(first, again)
    assert torch.equal(first, never)
    assert torch.equal(first, (x / 2).half().float())
    assert first.dtype == x.dtype


def test_what_an_evaluation_put_in_serves_a_step_of_training() -> None:
    memory, layer = TrunkMemory(1 << 20), torch.nn.Linear(4, 1)
    with torch.inference_mode():
        memory(torch.ones(1, 3, 4, 4), Counting())
    layer(memory(torch.ones(1, 3, 4, 4), Counting())).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.eq(1 / 2 * 3 * 4).all()
