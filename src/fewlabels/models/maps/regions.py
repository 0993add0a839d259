"""From maps to boxes and from boxes to pixels: the one place where either is done (METHODS 4.2).

A box is (x0, y0, x1, y1) as fractions of the image's width and height, half-open; boxes are (B, 4).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn.functional import grid_sample

from fewlabels.models.maps.box_rule import Component, Scale
from fewlabels.models.maps.cam import enlarge

_EIGHT = np.ones((3, 3))
"""Pixels that touch at a corner are of one component, as in the contours of OpenCV that the papers' code looks for."""


class PseudoBoxes(NamedTuple):
    """What Algorithm 1 of LCHP finds."""

    boxes: Tensor
    """(B, 4) float32: the union of both passes' boxes."""
    first: Tensor
    """(B, 4) float32 L_r: of the images as they are."""
    erased: Tensor
    """(B, C, H, W) I_m: the images with L_r set to zero."""


def boxes_of(
    maps: Tensor, threshold: float, component: Component = "all", scale: Scale = "min-max", side: int | None = None
) -> Tensor:
    """Box what is above the threshold in each map; the whole image where nothing is (a map of one value).

    Args:
        maps: (B, h, w), finite.
        threshold: from 0 to below 1, of the scaled map; a value equal to it is background.
        component: the box is around all of the foreground, or around its largest component (8 neighbours; of several
            largest ones the first in reading order), which is looked for on the CPU.
        scale: see :func:`scaled`.
        side: the maps are first enlarged to side x side, bilinearly (METHODS L4); None takes them as they are.

    Returns:
        (B, 4) float32.
    """
    return boxes_around(foreground(maps, threshold, component, scale, side))[0]


def foreground(
    maps: Tensor, threshold: float, component: Component = "all", scale: Scale = "min-max", side: int | None = None
) -> Tensor:
    """Mask what :func:`boxes_of` draws its boxes around, (B, h, w) bool, (B, side, side) where a side is given."""
    if side is not None:
        maps = enlarge(maps, side)
    mask = scaled(maps, scale) > threshold
    return largest_component(mask) if component == "largest" else mask


def scaled(maps: Tensor, scale: Scale) -> Tensor:
    """Bring (B, h, w) maps to 0 to 1 by their least and largest value, or divide them by the largest.

    In at least float32. Zeros where that can't be done: a map of one value (but for rounding), one without a positive
    value under "max".
    """
    values = maps.to(torch.promote_types(maps.dtype, torch.float32))
    least, largest = values.amin((1, 2), keepdim=True), values.amax((1, 2), keepdim=True)
    if scale == "max":
        least = torch.zeros_like(least)
    rounding = 8 * torch.finfo(values.dtype).eps * values.abs().amax((1, 2), keepdim=True)
    span = largest - least
    return torch.where(span > rounding, (values - least) / span, 0.0)


def largest_component(mask: Tensor) -> Tensor:
    """Keep the largest component of each (B, h, w) bool mask; an empty one stays empty."""
    kept = []
    for one in mask.cpu().numpy():
        labels = np.empty(one.shape, np.int32)
        ndimage.label(one, _EIGHT, output=labels)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        kept.append(one & (labels == sizes.argmax()))
    return torch.from_numpy(np.stack(kept)).to(mask.device) if kept else mask


def union(first: Tensor, second: Tensor) -> Tensor:
    """Draw the smallest boxes around both: (B, 4) and (B, 4) give (B, 4)."""
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    return torch.cat([low[:, :2], high[:, 2:]], dim=1)


def erase(images: Tensor, boxes: Tensor) -> Tensor:
    """Set the pixels of (B, C, H, W) images whose centres lie in their image's box to zero."""
    rows, columns = (
        (torch.arange(size, device=images.device, dtype=torch.float32) + 0.5) / size for size in images.shape[2:]
    )
    x0, y0, x1, y1 = boxes.to(torch.float32)[:, :, None].unbind(1)
    across, down = (columns >= x0) & (columns < x1), (rows >= y0) & (rows < y1)
    return images.masked_fill((down[:, :, None] & across[:, None, :])[:, None], 0)


@torch.no_grad()
def pseudo_boxes(
    features_of: Callable[[Tensor], Tensor],
    images: Tensor,
    threshold: float,
    component: Component = "all",
    scale: Scale = "min-max",
) -> PseudoBoxes:
    """Find where a network looks, and where it looks once that is erased (LCHP Algorithm 1; METHODS L1 to L6).

    The map is the mean over the channels, enlarged to the images' side before it is scaled. Zero is the mean colour,
    the images being normalised. Where the second map has no foreground the first box stands.

    Args:
        features_of: gives the (B, D, h, w) last map of images.
        images: (B, C, S, S) normalised.
        threshold: delta; as :func:`boxes_of` takes it.
        component: as there.
        scale: as there.
    """

    def located(seen: Tensor) -> tuple[Tensor, Tensor]:
        return boxes_around(foreground(features_of(seen).mean(1), threshold, component, scale, images.shape[2]))

    assert images.shape[2] == images.shape[3]
    first, _ = located(images)
    erased = erase(images, first)
    second, found = located(erased)
    return PseudoBoxes(torch.where(found, union(first, second), first), first, erased)


def has_area(boxes: Tensor) -> Tensor:
    """Tell, (B,) bool, which (B, 4) boxes have both sides above 0; one with a number that is none has not."""
    return ((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])) & boxes.isfinite().all(1)


def crop_and_resize(images: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Cut out a box of each image and resize it, bilinearly, corners not aligned, outside repeating the edge.

    Args:
        images: (B, C, H, W).
        boxes: (B, 4); one without area (:func:`has_area`) counts as the whole image.
        side: of the result.

    Returns:
        (B, C, side, side) of the images' dtype.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    box = torch.where(has_area(boxes)[:, None], boxes, _whole_image(boxes)).to(dtype)
    steps = (torch.arange(side, device=images.device, dtype=dtype) + 0.5) / side
    x, y = (box[:, low, None] + steps * (box[:, low + 2] - box[:, low])[:, None] for low in (0, 1))
    places = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=3)
    crops = grid_sample(images.to(dtype), 2 * places - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return crops.to(images.dtype)


def boxes_around(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Box the true part of (B, h, w) masks: (B, 4) float32, and (B, 1) bool, whether there is one."""
    (x0, x1), (y0, y1) = _ends(mask.any(1)), _ends(mask.any(2))
    found = mask.flatten(1).any(1, keepdim=True)
    boxes = torch.stack([x0, y0, x1, y1], dim=1)
    return torch.where(found, boxes, _whole_image(boxes)), found


def _ends(line: Tensor) -> tuple[Tensor, Tensor]:
    """Find the first true place of each (B, n) row and the place after the last, as fractions of n."""
    length, ones = line.shape[1], line.to(torch.uint8)
    first, after = ones.argmax(1), length - ones.flip(1).argmax(1)
    return first.float() / length, after.float() / length


def _whole_image(boxes: Tensor) -> Tensor:
    """(0, 0, 1, 1), (4,), made where the boxes are: a copy from the host would be waited for."""
    return (torch.arange(4, device=boxes.device) >= 2).to(boxes.dtype)
