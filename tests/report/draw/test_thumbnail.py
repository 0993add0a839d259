"""Thumbnails are PNGs of the stated size that show the image."""

from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fewlabels.report.draw.thumbnail import thumbnail


def _opened(uri: str) -> Image.Image:
    head, data = uri.split(",")
    assert head == "data:image/png;base64"
    image = Image.open(BytesIO(b64decode(data)))
    assert image.format == "PNG"
    return image


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (8, 8, (72, 72)),
        (28, 28, (84, 84)),
        (32, 32, (64, 64)),
        (64, 64, (64, 64)),
        (96, 80, (80, 96)),
        (200, 400, (96, 48)),
        (3, 1000, (96, 1)),
        (1, 1, (72, 72)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_the_size_is_as_stated(height: int, width: int, channels: int, expected: tuple[int, int]) -> None:
    image = _opened(thumbnail(np.zeros((height, width, channels), np.uint8)))
    assert image.size == expected
    assert image.mode == ("L" if channels == 1 else "RGB")


def test_enlarged_pixels_stay_sharp_squares() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    shown = np.asarray(_opened(thumbnail(pixels)))
    assert np.array_equal(shown, np.kron(pixels, np.ones((9, 9, 1), np.uint8)))


def test_a_shrunk_image_keeps_its_colours_in_place() -> None:
    pixels = np.zeros((300, 300, 3), np.uint8)
    pixels[:, :150, 0], pixels[:, 150:, 2] = 255, 255
    shown = np.asarray(_opened(thumbnail(pixels)))
    assert tuple(shown[48, 10]) == (255, 0, 0)
    assert tuple(shown[48, 85]) == (0, 0, 255)
