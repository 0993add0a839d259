"""LCHP's box-aware strong view: images and the boxes in them are moved by the same numbers (METHODS 4.3, L16, L21).

Every movement is, for each axis, ``new = factor * old + shift`` in fractions of the side: scaling, cropping or padding,
and mirror images, one after the other, are one such movement, so an image is read once whatever the number of stages.
What one stage would push out of the image and the next one would bring back is therefore still there.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.augment.resized_crop import read_at
from fewlabels.randomness import Draws

LOWEST, HIGHEST = 0.8, 1.2
"""The range of the scale of either axis."""
FURTHEST = 0.25
"""How much of a side may be cropped or padded at either end."""


class Movement(NamedTuple):
    """Where the points of B images go: ``factors * old + shifts``, (B, 2) floating point each, x then y."""

    factors: Tensor
    shifts: Tensor

    def then(self, other: "Movement") -> "Movement":
        """Move by this movement first, and then by the other one."""
        return Movement(other.factors * self.factors, other.factors * self.shifts + other.shifts)

    def like(self, tensor: Tensor) -> "Movement":
        """The same movement, of the tensor's type and on its device."""
        return Movement(*(part.to(tensor.device, tensor.dtype, non_blocking=True) for part in self))


def scaling(factors: Tensor) -> Movement:
    """Enlarge about the centre, by a factor for each image and axis, (B, 2)."""
    return Movement(factors, (1 - factors) / 2)


def crop_or_pad(before: Tensor, after: Tensor) -> Movement:
    """Add to each side, or crop where negative, and resize to what it was.

    Args:
        before: (B, 2) fractions of the side, more than -1/2: left and top.
        after: likewise right and bottom.
    """
    factors = 1 / (1 + before + after)
    return Movement(factors, before * factors)


def mirroring(chosen: Tensor) -> Movement:
    """Mirror where chosen, (B, 2) bool: left to right, and top to bottom."""
    chosen = chosen.float()
    return Movement(1 - 2 * chosen, chosen)


def draw(draws: Draws, scale: bool = True, translate: bool = True, flip: bool = True) -> Movement:
    """One movement per image: LCHP's strong view, whose three parts can be left out one by one (its Table 6).

    Args:
        draws: B slots.
        scale: each axis by 80 to 120 %, always.
        translate: with probability 1/2, crop or pad each of the four sides by a fraction of its own in [-1/4, 1/4).
        flip: left to right and top to bottom, each with probability 1/2.

    Returns:
        float32, on the draws' device. A part has the same numbers whether the others are left out or not.
    """
    factors = LOWEST + (HIGHEST - LOWEST) * draws.fork("scale").uniform(2)
    fractions = FURTHEST * (2 * draws.fork("translate").uniform(4) - 1)
    moved = draws.fork("translated").uniform(1) < 0.5
    before, after = (fractions * moved).split(2, dim=1)
    mirrored = draws.fork("flip").uniform(2) < 0.5
    result = Movement(torch.ones_like(factors), torch.zeros_like(factors))
    if scale:
        result = result.then(scaling(factors))
    if translate:
        result = result.then(crop_or_pad(before, after))
    return result.then(mirroring(mirrored)) if flip else result


def move_images(images: Tensor, movement: Movement) -> Tensor:
    """The moved (B, C, H, W) floating-point images: bilinear, and 0 around the image."""
    height, width = images.shape[2:]
    factors, shifts = movement.like(images)
    columns = (_centres(width, images) - shifts[:, :1]) / factors[:, :1]
    rows = (_centres(height, images) - shifts[:, 1:]) / factors[:, 1:]
    return read_at(images, columns, rows, "zeros")


def _centres(size: int, like: Tensor) -> Tensor:
    """(size,): where the centres of the pixels along one side lie, as fractions of it."""
    return (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / size


def move_boxes(boxes: Tensor, movement: Movement) -> Tensor:
    """The moved (B, 4) boxes (x0, y0, x1, y1) in fractions, cut off at the image.

    Mirrored edges change places, so a box stays in order; one that was degenerate stays so (:func:`is_box`).
    """
    factors, shifts = movement.like(boxes)
    first, last = (factors * corner + shifts for corner in boxes.split(2, dim=1))
    ahead = factors > 0
    return torch.cat([torch.where(ahead, first, last), torch.where(ahead, last, first)], dim=1).clamp(0, 1)


def is_box(boxes: Tensor) -> Tensor:
    """(B,) bool: does the (B, 4) box have an area? Not when it is inside out, or lay outside before it was cut off."""
    return (boxes[:, 2:] > boxes[:, :2]).all(1)
