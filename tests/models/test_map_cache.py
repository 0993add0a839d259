"""Feature maps of a frozen backbone are cached per image."""

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor

from fewlabels.models.map_cache import MapCache, bypass_map_cache


class CountingBackbone:
    """A backbone that halves images, and counts them."""

    def __init__(self) -> None:
        self.images = 0

    def __call__(self, x: Tensor) -> Tensor:
        self.images += len(x)
        return x / 2


def maps(cache: MapCache, backbone: Callable[[Tensor], Tensor], count: int) -> Tensor:
    """Pass images through the cache; image i is filled with the value i."""
    return cache(torch.arange(float(count))[:, None, None, None].expand(count, 3, 4, 4), backbone)


def test_each_image_passes_once_whatever_the_batch_and_the_copy_of_the_cache() -> None:
    cache, backbone = MapCache(1 << 20), CountingBackbone()
    assert torch.equal(maps(cache, backbone, 2)[:, 0, 0, 0], torch.tensor([0.0, 0.5]))
    assert torch.equal(maps(deepcopy(cache), backbone, 4)[:, 0, 0, 0], torch.tensor([0.0, 0.5, 1.0, 1.5]))
    assert (backbone.images, len(cache)) == (4, 4)
    cache(torch.zeros(2, 3, 4, 4), backbone)
    assert backbone.images == 4


def test_independent_images_pass_together_and_each_once() -> None:
    cache, batches = MapCache(1 << 20), []

    def backbone(x: Tensor) -> Tensor:
        batches.append(len(x))
        return x / 2

    x = torch.tensor([3.0, 1.0, 3.0, 2.0])[:, None, None, None].expand(4, 3, 4, 4)
    for _ in range(2):
        assert torch.equal(cache(x, backbone, independent=True), x / 2)
    assert (batches, len(cache)) == ([3], 3)
    assert torch.equal(MapCache(0)(x, backbone, independent=True), x / 2)


def test_a_bypassed_cache_is_neither_searched_nor_filled() -> None:
    cache, backbone, other = MapCache(1 << 20), CountingBackbone(), MapCache(1 << 20)
    network, inner = torch.nn.Module(), torch.nn.Module()
    network.map_cache, inner.map_cache, network.inner = cache, other, inner  # pyright: ignore
    expected = maps(cache, CountingBackbone(), 20)
    with bypass_map_cache(network):
        assert torch.equal(maps(cache, backbone, 20), expected)
        maps(other, backbone, 20)
    assert (backbone.images, len(cache), len(other)) == (40, 20, 0)
    maps(other, backbone, 20)
    assert (backbone.images, len(other)) == (60, 20)


def test_a_nested_bypass_does_not_end_the_outer_one() -> None:
    network = torch.nn.Module()
    network.map_cache = cache = MapCache(1 << 20)  # pyright: ignore
    with bypass_map_cache(network):
        with bypass_map_cache(network):
            pass
        maps(cache, CountingBackbone(), 3)
    assert len(cache) == 0


def test_beyond_the_limit_maps_are_returned_but_not_cached() -> None:
    cache, backbone = MapCache(3 * 3 * 4 * 4 * 2), CountingBackbone()
    first = maps(cache, backbone, 5)
    assert len(cache) == 3
    assert torch.equal(maps(cache, backbone, 5), first)
    assert backbone.images == 5 + 2


def test_maps_are_rounded_to_half_precision_cached_or_not() -> None:
    x, cache, full = torch.full((1, 3, 4, 4), 1 / 3), MapCache(1 << 20), MapCache(0)
    first, again, uncached = cache(x, CountingBackbone()), cache(x, CountingBackbone()), full(x, CountingBackbone())
    assert torch.equal(first, again)
    assert torch.equal(first, uncached)
    assert torch.equal(first, (x / 2).half().float())
    assert first.dtype == x.dtype


def test_maps_cached_in_an_evaluation_can_be_used_in_a_training_step() -> None:
    cache, layer = MapCache(1 << 20), torch.nn.Linear(4, 1)
    with torch.inference_mode():
        cache(torch.ones(1, 3, 4, 4), CountingBackbone())
    layer(cache(torch.ones(1, 3, 4, 4), CountingBackbone())).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.eq(1 / 2 * 3 * 4).all()
