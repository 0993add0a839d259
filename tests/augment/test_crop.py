"""Random crop, flip and cutout."""

import numpy as np
import pytest
import torch
from PIL import ImageDraw
from torch import Tensor

from fewlabels.augment.crop import cutout, flip, pad_and_crop
from fewlabels.randomness import Draws

from .pictures import from_pil, pictures, to_pil

DRAWS = Draws(7, torch.arange(2000))


def positions(height: int, width: int, count: int) -> Tensor:
    """Return (count, 2, H, W) uint8 images whose channels are the row and the column of each pixel."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([rows, columns]).to(torch.uint8).expand(count, 2, height, width).contiguous()


@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (32, 32), (33, 20)])
def test_a_crop_is_a_window_of_the_image_padded_by_reflection(height: int, width: int) -> None:
    image = positions(height, width, 1)[0]
    crops = pad_and_crop(image.repeat(300, 1, 1, 1), Draws(1, torch.arange(300)))
    v, h = max(1, height // 8), max(1, width // 8)
    padded = np.pad(image.numpy(), ((0, 0), (v, v), (h, h)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
    allowed = {windows[:, y, x].tobytes() for y in range(2 * v + 1) for x in range(2 * h + 1)}
    assert {crop.numpy().tobytes() for crop in crops} <= allowed


def test_all_offsets_from_minus_4_to_4_are_equally_probable_at_32_pixels() -> None:
    crops = pad_and_crop(positions(32, 32, 2000), DRAWS)
    for axis in (0, 1):
        offsets = crops[:, axis, 16, 16].int() - 16
        counts = torch.bincount(offsets + 4, minlength=9)
        # 222 expected each; five standard deviations of a binomial are 70
        assert counts.numel() == 9
        assert (counts - 2000 / 9).abs().max() < 70


def test_the_two_offsets_of_a_crop_are_independent() -> None:
    middle = pad_and_crop(positions(32, 32, 2000), DRAWS)[:, :, 16, 16].double()
    assert abs(np.corrcoef(middle[:, 0], middle[:, 1])[0, 1]) < 0.1


def test_flip_none_is_the_identity() -> None:
    images = pictures(28, 3)
    assert torch.equal(flip(images, Draws(1, torch.arange(len(images))), "none"), images)


def test_a_horizontal_flip_applies_to_half_of_the_images() -> None:
    images = positions(8, 9, 2000)
    flipped = flip(images, DRAWS, "horizontal")
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    untouched = (flipped == images).flatten(1).all(1)
    assert torch.equal(mirrored, ~untouched)
    assert 900 < mirrored.sum() < 1100


def test_with_both_flips_the_four_combinations_are_equally_frequent() -> None:
    images = positions(8, 9, 2000)
    flipped = flip(images, DRAWS, "both")
    for mirror in (images, images.flip(2), images.flip(3), images.flip(2, 3)):
        assert 400 < (flipped == mirror).flatten(1).all(1).sum() < 600


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (32, 32), (33, 20)])
def test_cutout_equals_a_rectangle_drawn_by_pillow(height: int, width: int, channels: int) -> None:
    images = pictures(height, channels, width=width)[:1].repeat(100, 1, 1, 1)
    draws = Draws(3, torch.arange(100))
    result = cutout(images, draws, 0, width / 2, (125, 123, 114))
    for row, image, (x, y, size) in zip(result, images, draws.uniform(3).tolist(), strict=True):
        picture, side = to_pil(image), size * width / 2
        left, top = int(max(0, x * width - side / 2)), int(max(0, y * height - side / 2))
        corners = (left, top, min(width, left + side), min(height, top + side))
        ImageDraw.Draw(picture).rectangle(corners, (125, 123, 114) if channels == 3 else 125)
        assert torch.equal(row, from_pil(picture))


def test_cutout_reaches_every_pixel_and_does_not_change_the_others() -> None:
    images = torch.full((2000, 3, 16, 16), 9, dtype=torch.uint8)
    painted = cutout(images, DRAWS, 8, 8, (127, 127, 127)) == 127
    assert (painted.any(0)).all()
    assert torch.equal(painted.all(1), painted.any(1))
    # a side of 8 paints 9 pixels, fewer where the image ends
    assert painted[:, 0].any(1).sum(1).max() == 9
    assert painted[:, 0].any(1).sum(1).min() >= 1
