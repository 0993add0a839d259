"""LCHP's box-aware strong view: images and their boxes are transformed together (docs/papers/lchp.md, L16 and L21).

Every transform is, for each axis, ``new = factor * old + shift`` in fractions of the side. Scaling, cropping or
padding, and flipping compose to one such transform, so an image is sampled once whatever the number of stages, and a
part that one stage moves out of the image and the next one moves back is not lost.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.augment.resized_crop import sample_at
from fewlabels.randomness import Draws

LOWEST, HIGHEST = 0.8, 1.2
"""The range of the scale factor of each axis."""
MAX_MARGIN = 0.25
"""The largest fraction of a side that is cropped or padded at each end."""


class AxisTransform(NamedTuple):
    """Transforms of B images that map points to ``factors * old + shifts``; (B, 2) floating point each, x then y."""

    factors: Tensor
    shifts: Tensor

    def then(self, other: "AxisTransform") -> "AxisTransform":
        """Return the transform that applies this one first, then the other."""
        return AxisTransform(other.factors * self.factors, other.factors * self.shifts + other.shifts)

    def like(self, tensor: Tensor) -> "AxisTransform":
        """Return the same transform in the tensor's dtype and on its device."""
        return AxisTransform(*(part.to(tensor.device, tensor.dtype, non_blocking=True) for part in self))


def scaling(factors: Tensor) -> AxisTransform:
    """Return the transform that scales about the centre by (B, 2) factors, for each image and axis."""
    return AxisTransform(factors, (1 - factors) / 2)


def crop_or_pad(before: Tensor, after: Tensor) -> AxisTransform:
    """Return the transform that pads each side, or crops it where negative, and resizes to the original size.

    Args:
        before: (B, 2) fractions of the side, above -1/2: left and top.
        after: (B, 2), likewise: right and bottom.
    """
    factors = 1 / (1 + before + after)
    return AxisTransform(factors, before * factors)


def flipping(chosen: Tensor) -> AxisTransform:
    """Return the transform that flips where chosen, (B, 2) bool: left to right, and top to bottom."""
    chosen = chosen.float()
    return AxisTransform(1 - 2 * chosen, chosen)


def draw_transform(draws: Draws, scale: bool = True, translate: bool = True, flip: bool = True) -> AxisTransform:
    """Draw a transform per image: LCHP's strong view, whose three parts can be disabled separately (its Table 6).

    Args:
        draws: B slots.
        scale: scale each axis by 80 to 120 %, always.
        translate: with probability 1/2, crop or pad each of the four sides by its own fraction in [-1/4, 1/4).
        flip: flip left to right and top to bottom, each with probability 1/2.

    Returns:
        float32, on the draws' device. The numbers of a part do not depend on whether the others are disabled.
    """
    factors = LOWEST + (HIGHEST - LOWEST) * draws.fork("scale").uniform(2)
    fractions = MAX_MARGIN * (2 * draws.fork("translate").uniform(4) - 1)
    moved = draws.fork("translated").uniform(1) < 0.5
    before, after = (fractions * moved).split(2, dim=1)
    flipped = draws.fork("flip").uniform(2) < 0.5
    result = AxisTransform(torch.ones_like(factors), torch.zeros_like(factors))
    if scale:
        result = result.then(scaling(factors))
    if translate:
        result = result.then(crop_or_pad(before, after))
    return result.then(flipping(flipped)) if flip else result


def transform_images(images: Tensor, transform: AxisTransform) -> Tensor:
    """Transform (B, C, H, W) floating-point images, bilinearly, with 0 outside the image."""
    height, width = images.shape[2:]
    factors, shifts = transform.like(images)
    columns = (_centres(width, images) - shifts[:, :1]) / factors[:, :1]
    rows = (_centres(height, images) - shifts[:, 1:]) / factors[:, 1:]
    return sample_at(images, columns, rows, "zeros")


def _centres(size: int, like: Tensor) -> Tensor:
    """Return the (size,) positions of the pixel centres along one side, as fractions of it."""
    return (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / size


def transform_boxes(boxes: Tensor, transform: AxisTransform) -> Tensor:
    """Transform (B, 4) boxes (x0, y0, x1, y1) in fractions, and clip them to the image.

    Flipped edges are swapped, so that a box stays in order; a degenerate box stays degenerate (:func:`is_box`).
    """
    factors, shifts = transform.like(boxes)
    first, last = (factors * corner + shifts for corner in boxes.split(2, dim=1))
    unflipped = factors > 0
    return torch.cat([torch.where(unflipped, first, last), torch.where(unflipped, last, first)], dim=1).clamp(0, 1)


def is_box(boxes: Tensor) -> Tensor:
    """Return (B,) bool: whether each (B, 4) box has a positive area.

    False where the corners are in the wrong order, or where the box was outside the image before clipping.
    """
    return (boxes[:, 2:] > boxes[:, :2]).all(1)
