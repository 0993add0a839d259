"""Boxes for mixing: their size and place, and pasting."""

import pytest
import torch
from torch.nn.functional import interpolate

from fewlabels.methods.boxes import MixBoxes, draw_boxes, draw_pair, inside, mass, paste
from fewlabels.randomness import Draws

MANY = Draws(7, torch.arange(40_000))


def box(top: int, left: int, bottom: int, right: int) -> MixBoxes:
    return MixBoxes(*(torch.tensor([edge]) for edge in (top, left, bottom, right)))


def picture(count: int, side: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, side, side, generator=generator, dtype=torch.float64)


def test_boxes_are_inside_the_image_and_have_even_sides_before_clipping() -> None:
    boxes = draw_boxes(MANY, 24, 32, beta=5)
    assert all(bool((edge >= 0).all()) for edge in boxes)
    assert int(boxes.bottom.max()) == 24
    assert int(boxes.right.max()) == 32
    whole = (boxes.top > 0) & (boxes.bottom < 24)
    assert bool(((boxes.bottom - boxes.top)[whole] % 2 == 0).all())


@pytest.mark.parametrize("beta", [2, 5])
def test_one_minus_the_area_is_beta_distributed(beta: int) -> None:
    """Beta(b, b) has mean 1/2 and variance 1 / (4 (2 b + 1)).

    Only boxes that are not clipped show their side s. This has the probability 1 - s, so they are weighted by
    1 / (1 - s).
    """
    size = 1_000_000
    boxes = draw_boxes(MANY, size, size, beta)
    uncut = (boxes.top > 0) & (boxes.bottom < size)
    side = (boxes.bottom - boxes.top)[uncut].double() / size
    lam, weight = 1 - side.square(), 1 / (1 - side)
    mean = (weight * lam).sum() / weight.sum()
    variance = (weight * (lam - mean).square()).sum() / weight.sum()
    assert float(mean) == pytest.approx(0.5, abs=0.01)
    assert float(variance) == pytest.approx(1 / (4 * (2 * beta + 1)), rel=0.05)


def test_centres_are_uniformly_distributed() -> None:
    boxes = draw_boxes(MANY, 1001, 1001, beta=1000)  # of almost equal size: half a side is about 353
    middle = ((boxes.top + boxes.bottom) // 2)[(boxes.top > 0) & (boxes.bottom < 1001)]
    counts = torch.histc(middle.float(), bins=5, min=400, max=600)
    assert float(counts.max() / counts.min()) < 1.15


def test_a_box_depends_on_its_slot_alone() -> None:
    some = draw_boxes(Draws(3, torch.tensor([5, 2])), 28, 28, beta=5)
    every = draw_boxes(Draws(3, torch.arange(8)), 28, 28, beta=5)
    assert [edge.tolist() for edge in some] == [edge[[5, 2]].tolist() for edge in every]


def test_the_two_boxes_of_a_pair_are_independent() -> None:
    first, second = draw_pair(MANY, 64, 64, beta=5)
    areas = torch.stack([first.area, second.area]).double()
    assert abs(float(torch.corrcoef(areas)[0, 1])) < 0.02
    assert not torch.equal(first.area, second.area)


def test_if_one_box_is_empty_both_are() -> None:
    """On 4 pixels a share of at most a quarter gives a side below 2, which is an empty box."""
    first, second = draw_pair(MANY, 4, 4, beta=2)
    assert 0 < int((first.area == 0).sum()) < len(MANY.slots)
    assert torch.equal(first.area == 0, second.area == 0)


def test_the_mass_in_a_box_is_the_sum_over_its_pixels() -> None:
    maps = torch.arange(32.0).view(2, 4, 4)
    assert mass(maps, box(1, 2, 3, 4)).tolist() == [6 + 7 + 10 + 11, 22 + 23 + 26 + 27]
    each = MixBoxes(*(torch.tensor(edges) for edges in ([0, 1], [0, 1], [1, 2], [2, 3])))
    assert mass(maps, each).tolist() == [0 + 1, 21 + 22]
    assert inside(each, 4, 4).sum((1, 2)).tolist() == each.area.tolist()


@pytest.mark.parametrize(
    ("removed", "inserted"),
    [
        ((2, 1, 6, 8), (0, 3, 7, 5)),
        ((0, 0, 8, 8), (3, 3, 5, 5)),
        ((4, 4, 5, 5), (1, 2, 6, 4)),
        ((1, 1, 3, 7), (6, 6, 7, 7)),
    ],
)
def test_a_box_is_resized_as_torch_resizes_an_image(removed: tuple[int, ...], inserted: tuple[int, ...]) -> None:
    images, sources = picture(3, 8), picture(3, 8, seed=1)
    top, left, bottom, right = removed
    cut = sources[:, :, inserted[0] : inserted[2], inserted[1] : inserted[3]]
    expected = images.clone()
    expected[:, :, top:bottom, left:right] = interpolate(
        cut, size=(bottom - top, right - left), mode="bilinear", align_corners=True
    )
    torch.testing.assert_close(paste(images, sources, box(*removed), box(*inserted)), expected, rtol=0, atol=1e-12)


def test_each_image_may_have_its_own_boxes() -> None:
    images, sources = picture(2, 8), picture(2, 8, seed=1)
    removed = MixBoxes(*(torch.tensor(edges) for edges in ([0, 3], [1, 4], [4, 8], [5, 6])))
    inserted = MixBoxes(*(torch.tensor(edges) for edges in ([2, 0], [2, 0], [8, 8], [4, 8])))
    mixed = paste(images, sources, removed, inserted)
    for row in range(2):
        own = [MixBoxes(*(edge[row : row + 1] for edge in boxes)) for boxes in (removed, inserted)]
        assert torch.equal(mixed[row : row + 1], paste(images[row : row + 1], sources[row : row + 1], *own))


def test_pixels_outside_the_box_do_not_change_and_an_empty_box_changes_nothing() -> None:
    images, sources = picture(2, 8), picture(2, 8, seed=1)
    mixed = paste(images, sources, box(2, 2, 5, 5), box(0, 0, 8, 8))
    assert torch.equal((mixed != images).any(1), inside(box(2, 2, 5, 5), 8, 8).expand(2, -1, -1))
    empty = box(3, 3, 3, 5)
    assert torch.equal(paste(images, sources, empty, empty), images)
