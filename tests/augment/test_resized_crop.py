"""Random resized crops."""

from math import log

import pytest
import torch
from scipy.stats import kstest
from torch import Tensor
from torchvision.transforms.v2.functional import resized_crop

from fewlabels.augment import resized_crop as module
from fewlabels.augment.resized_crop import random_resized_crop, sample_at
from fewlabels.randomness import Draws

from .pictures import pictures

DRAWS = Draws(4, torch.arange(4000))


def windows(height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return left, width, top and height of 4000 crops."""
    left, across, top, down = (edge[:, 0] for edge in module._windows(DRAWS, height, width))
    return left, across, top, down


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 20), (8, 30)])
def test_a_crop_is_torchvisions_of_the_same_window(height: int, width: int) -> None:
    images = pictures(height, 3, width=width)
    draws = Draws(1, torch.arange(len(images)))
    result = random_resized_crop(images, draws)
    for image, crop, *edges in zip(images, result, *module._windows(draws, height, width), strict=True):
        left, across, top, down = (int(edge) for edge in edges)
        expected = resized_crop(image.float(), top, left, down, across, [height, width], antialias=False)
        assert (crop - expected).abs().max() <= 0.501  # rounded to whole levels


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 90), (8, 100)])
def test_a_window_is_inside_the_image(height: int, width: int) -> None:
    left, across, top, down = windows(height, width)
    assert left.min() >= 0
    assert top.min() >= 0
    assert across.min() >= 1
    assert down.min() >= 1
    assert (left + across).max() <= width
    assert (top + down).max() <= height


def test_windows_have_8_to_100_percent_of_the_area_and_an_aspect_ratio_from_three_quarters_to_four_thirds() -> None:
    _, across, _, down = windows(1000, 1000)
    area, ratio = across * down / 1e6, across / down
    assert 0.079 < area.min() < 0.09
    assert 0.97 < area.max() <= 1
    assert 0.745 < ratio.min() < 0.76
    assert 1.32 < ratio.max() < 1.34
    assert ((across == 1000) | (down == 1000)).float().mean() < 0.01  # others are drawn again, not clipped


def test_small_windows_are_uniform_in_area_and_in_the_logarithm_of_the_ratio() -> None:
    _, across, _, down = windows(4000, 4000)
    area, ratio = across * down / 16e6, across / down
    fits_always = area < 0.75
    shares, logarithms = (area[fits_always] - 0.08) / 0.67, ratio[fits_always].log() / (2 * log(4 / 3)) + 0.5
    assert kstest(shares.numpy(), "uniform").pvalue > 0.01
    assert kstest(logarithms.numpy(), "uniform").pvalue > 0.01
    assert abs(torch.corrcoef(torch.stack([shares, logarithms]))[0, 1]) < 0.1


def test_positions_are_uniform_and_reach_both_ends() -> None:
    left, across, top, down = windows(64, 64)
    for start, length in ((left, across), (top, down)):
        room = 64 - length
        share = (start / room)[room > 0]
        assert share.min() == 0
        assert share.max() == 1
        assert abs(share.mean() - 0.5) < 0.03


def test_a_window_that_never_fits_is_clipped_to_the_short_side(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AREA", (0.99, 1.0))
    _, across, _, down = windows(10, 1000)
    assert (down == 10).all()
    assert across.max() < 200


def test_sampling_at_the_centres_of_the_pixels_returns_the_image() -> None:
    images = torch.rand(2, 3, 5, 7, dtype=torch.float64)
    columns, rows = ((torch.arange(size).double() + 0.5).div(size).expand(2, size) for size in (7, 5))
    torch.testing.assert_close(sample_at(images, columns, rows, "zeros"), images)
