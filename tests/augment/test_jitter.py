"""Colour jitter against torchvision's functions of the same names, image by image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms import functional as vision

from fewlabels.augment.jitter import colour_jitter, draw_factors
from fewlabels.randomness import Draws

from .pictures import SIZES, from_pil, pictures, to_pil

NONE = (1.0, 1.0, 1.0, 0.0)
ADJUST: tuple[Callable[[Tensor, float], Tensor], ...] = (
    vision.adjust_brightness,
    vision.adjust_contrast,
    vision.adjust_saturation,
    vision.adjust_hue,
)


def photographs() -> Tensor:
    """Return parts of real photographs, (2, 3, 200, 300)."""
    return torch.tensor(np.stack(load_sample_images().images)[:, 100:300, 200:500]).permute(0, 3, 1, 2)


def assert_within_a_level(result: Tensor, expected: Tensor) -> None:
    assert result.dtype == torch.uint8
    torch.testing.assert_close(result.float(), expected.float(), rtol=0, atol=1.0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("number", range(4))
def test_each_adjustment_equals_torchvisions_with_a_factor_per_image(number: int, size: int) -> None:
    low, high = (-0.1, 0.1) if number == 3 else (0.6, 1.4)
    for images in (pictures(size, 3), photographs()):
        factors = torch.tensor(NONE).repeat(len(images), 1)
        factors[:, number] = torch.linspace(low, high, len(images))
        expected = [ADJUST[number](*pair) for pair in zip(images, factors[:, number].tolist(), strict=True)]
        assert_within_a_level(colour_jitter(images, factors), torch.stack(expected))


def test_the_adjustments_are_applied_in_order() -> None:
    images = photographs()
    factors = torch.tensor([[0.7, 1.35, 1.4, 0.08], [1.4, 0.65, 0.6, -0.1]])
    expected = []
    for image, (bright, contrast, saturation, hue) in zip(images, factors.tolist(), strict=True):
        picture = vision.adjust_contrast(vision.adjust_brightness(to_pil(image), bright), contrast)
        picture = vision.adjust_saturation(picture, saturation)
        expected.append(vision.adjust_hue(from_pil(picture) / 255, hue) * 255)
    assert_within_a_level(colour_jitter(images, factors), torch.stack(expected))


@pytest.mark.parametrize("channels", [1, 3])
def test_neutral_factors_change_nothing(channels: int) -> None:
    images = pictures(33, channels)
    assert torch.equal(colour_jitter(images, torch.tensor(NONE).expand(7, 4)), images)


def test_grey_images_change_in_brightness_and_contrast_only() -> None:
    images = pictures(28, 1)
    assert torch.equal(colour_jitter(images, torch.tensor([1.0, 1.0, 0.6, 0.1]).expand(7, 4)), images)
    factors = torch.tensor([0.6, 1.4, 1.0, 0.0]).expand(7, 4)
    expected = [vision.adjust_contrast(vision.adjust_brightness(to_pil(image), 0.6), 1.4) for image in images]
    assert_within_a_level(colour_jitter(images, factors), torch.stack([from_pil(image) for image in expected]))


def test_the_factors_are_uniform_in_their_ranges_and_independent() -> None:
    factors = draw_factors(Draws(3, torch.arange(4000)))
    unit = (factors - torch.tensor([0.6, 0.6, 0.6, -0.1])) / torch.tensor([0.8, 0.8, 0.8, 0.2])
    assert unit.min() > -1e-5
    assert unit.max() < 1 + 1e-5
    torch.testing.assert_close(
        unit.quantile(torch.tensor([0.25, 0.75]), 0), torch.tensor([[0.25], [0.75]]).expand(2, 4), rtol=0, atol=0.03
    )
    assert (torch.corrcoef(unit.T) - torch.eye(4)).abs().max() < 0.06
