"""Operations on images: parameters per image, and a kernel that applies them to a batch."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Operation(NamedTuple):
    """An operation on (B, C, H, W) uint8 images, C 1 or 3, with (B,) float32 magnitudes on the CPU.

    It has two parts, so that images with different operations of the same kernel share one call of the kernel.
    """

    prepare: Callable[[Tensor, Tensor], Tensor]
    """Computes the kernel's parameters, one row per image, from images and magnitudes."""
    kernel: Callable[[Tensor, Tensor], Tensor]
    """Computes new images from images and parameters."""

    def __call__(self, images: Tensor, magnitude: Tensor) -> Tensor:
        return self.kernel(images, self.prepare(images, magnitude))


def look_up(images: Tensor, table: Tensor) -> Tensor:
    """Kernel: replace each level by its entry in a (B, C, 256) uint8 table per image and channel."""
    return table.gather(2, images.flatten(2).long()).view(images.shape)


def affine(images: Tensor, matrix: Tensor) -> Tensor:
    """Kernel: read the pixel at (x, y) from the pixel nearest to (a x + b y + c, d x + e y + f); black outside.

    The (B, 6) float64 matrix (a, b, c, d, e, f) is on the CPU. Positions are those of pixel centres in 16.16 fixed
    point, the arithmetic of Pillow's affine transform, which is the same on every device.
    """
    height, width = images.shape[2:]
    linear = matrix.view(-1, 2, 3).numpy()
    shift = linear[:, :, 2:] + linear[:, :, :1] / 2 + linear[:, :, 1:2] / 2
    fixed = np.floor(np.concatenate([linear[:, :, :2], shift], axis=2) * 65536 + 0.5).astype(np.int32)
    slope_x, slope_y, start = torch.from_numpy(fixed).to(images.device, non_blocking=True).split(1, dim=2)
    x = torch.arange(width, dtype=torch.int32, device=images.device)
    y = torch.arange(height, dtype=torch.int32, device=images.device)
    position = ((slope_x * x)[:, :, None] + (slope_y * y + start)[..., None]) >> 16
    column, row = position.unbind(1)
    near_column, near_row = column.clamp(0, width - 1), row.clamp(0, height - 1)
    inside = (near_column == column).logical_and_(near_row == row).view(torch.uint8)
    index = near_row.mul_(width).add_(near_column).long().flatten(1)[:, None]
    pixels = images.flatten(2)
    nearest = pixels.gather(2, index.expand(pixels.shape)).view(images.shape)
    return nearest.mul_(inside[:, None])  # a product of bytes: masked_fill_ takes ten times as long on a CPU


def replace(images: Tensor, result: Tensor) -> Tensor:
    """Kernel of operations that are neither a table nor an affine map: the parameters are the new images."""
    return result
