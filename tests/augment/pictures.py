"""Images for the golden tests: realistic ones, and those that operations often get wrong."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

SIZES = (8, 28, 32, 33, 224)


def pictures(size: int, channels: int, width: int | None = None) -> Tensor:
    """(7, C, H, W) uint8: noise, dark and pale noise, smooth shades, two levels, and two constant images."""
    random = np.random.default_rng(size * 10 + channels)
    shape = (size, width or size, channels)
    y, x = np.mgrid[: shape[0], : shape[1]]
    shades = np.stack([(x * (3 + c) + y * (2 + c)) % 256 for c in range(channels)], axis=2)
    stack = [
        random.integers(0, 256, shape),
        random.integers(10, 60, shape),
        random.integers(200, 256, shape),
        shades,
        random.integers(0, 2, shape) * 255,
        np.full(shape, 77),
        np.zeros(shape),
    ]
    return torch.from_numpy(np.stack(stack).astype(np.uint8)).permute(0, 3, 1, 2).contiguous()


def to_pil(image: Tensor) -> Image.Image:
    """Convert a (C, H, W) image to mode L or RGB."""
    array = image.permute(1, 2, 0).numpy()
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def from_pil(image: Image.Image) -> Tensor:
    """Convert to (C, H, W) uint8."""
    array = np.atleast_3d(np.asarray(image))
    return torch.from_numpy(array.copy()).permute(2, 0, 1)
