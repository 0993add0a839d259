"""Conversion of maps to boxes and of boxes to pixels (docs/papers/lchp.md, Algorithm).

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
"""Pixels that touch at a corner belong to one component, as in OpenCV's contours, which the papers' code uses."""


class PseudoBoxes(NamedTuple):
    """Results of LCHP's Algorithm 1."""

    boxes: Tensor
    """(B, 4) float32, the union of the boxes of both passes."""
    first: Tensor
    """(B, 4) float32 L_r, the boxes of the unchanged images."""
    erased: Tensor
    """(B, C, H, W) I_m, the images with L_r set to zero."""


def boxes_of(
    maps: Tensor, threshold: float, component: Component = "all", scale: Scale = "min-max", side: int | None = None
) -> Tensor:
    """Compute the box around the values above the threshold in each map.

    A map without foreground, such as a constant one, has the whole image as its box.

    Args:
        maps: (B, h, w), finite.
        threshold: from 0 to below 1, of the scaled map; values equal to it are background.
        component: "all" for a box around all foreground, "largest" for its largest component (8 neighbours; of several
            equal ones, the first in reading order), which is searched on the CPU.
        scale: see :func:`scaled`.
        side: maps are first resized to side x side, bilinearly (docs/papers/lchp.md, L4); None keeps their size.

    Returns:
        (B, 4) float32.
    """
    return boxes_around(foreground(maps, threshold, component, scale, side))[0]


def foreground(
    maps: Tensor, threshold: float, component: Component = "all", scale: Scale = "min-max", side: int | None = None
) -> Tensor:
    """Compute the mask that :func:`boxes_of` encloses, (B, h, w) bool, or (B, side, side) where a side is given."""
    if side is not None:
        maps = enlarge(maps, side)
    mask = scaled(maps, scale) > threshold
    return largest_component(mask) if component == "largest" else mask


def scaled(maps: Tensor, scale: Scale) -> Tensor:
    """Scale (B, h, w) maps to 0 to 1 by minimum and maximum, or divide them by their maximum ("max").

    Computed in at least float32. The result is 0 for a constant map (within rounding), and with "max" for a map
    without positive values.
    """
    values = maps.to(torch.promote_types(maps.dtype, torch.float32))
    least, largest = values.amin((1, 2), keepdim=True), values.amax((1, 2), keepdim=True)
    if scale == "max":
        least = torch.zeros_like(least)
    rounding = 8 * torch.finfo(values.dtype).eps * values.abs().amax((1, 2), keepdim=True)
    span = largest - least
    return torch.where(span > rounding, (values - least) / span, 0.0)


def largest_component(mask: Tensor) -> Tensor:
    """Keep the largest component of each (B, h, w) bool mask; an empty mask stays empty."""
    kept = []
    for one in mask.cpu().numpy():
        labels = np.empty(one.shape, np.int32)
        ndimage.label(one, _EIGHT, output=labels)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        kept.append(one & (labels == sizes.argmax()))
    return torch.from_numpy(np.stack(kept)).to(mask.device) if kept else mask


def union(first: Tensor, second: Tensor) -> Tensor:
    """Compute the smallest boxes that contain both (B, 4) boxes: (B, 4)."""
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    return torch.cat([low[:, :2], high[:, 2:]], dim=1)


def erase_boxes(images: Tensor, boxes: Tensor) -> Tensor:
    """Set the pixels of (B, C, H, W) images whose centres are inside the image's box to zero."""
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
    """Compute boxes from the map of an image and from its map after the first box is erased.

    Source: LCHP, Algorithm 1 (docs/papers/lchp.md, L1 to L6). The map is the mean over the channels, resized to the
    image's side before it is scaled. Erased pixels are 0, the mean colour of normalised images. Where the second map
    has no foreground, the first box is the result.

    Args:
        features_of: computes the (B, D, h, w) last map of images.
        images: (B, C, S, S) normalised.
        threshold: delta; see :func:`boxes_of`.
        component: see :func:`boxes_of`.
        scale: see :func:`scaled`.
    """

    def located(seen: Tensor) -> tuple[Tensor, Tensor]:
        return boxes_around(foreground(features_of(seen).mean(1), threshold, component, scale, images.shape[2]))

    assert images.shape[2] == images.shape[3]
    first, _ = located(images)
    erased = erase_boxes(images, first)
    second, found = located(erased)
    return PseudoBoxes(torch.where(found, union(first, second), first), first, erased)


def has_area(boxes: Tensor) -> Tensor:
    """Return (B,) bool: whether both sides of each (B, 4) box are above 0; False for boxes with NaN or infinities."""
    return ((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])) & boxes.isfinite().all(1)


def crop_and_resize(images: Tensor, boxes: Tensor, side: int) -> Tensor:
    """Crop a box of each image and resize it, bilinearly, corners not aligned, with repeated edges outside the image.

    Args:
        images: (B, C, H, W).
        boxes: (B, 4); a box without area (:func:`has_area`) stands for the whole image.
        side: height and width of the result in pixels.

    Returns:
        (B, C, side, side) in the images' dtype.
    """
    dtype = torch.promote_types(images.dtype, torch.float32)
    box = torch.where(has_area(boxes)[:, None], boxes, _whole_image(boxes)).to(dtype)
    steps = (torch.arange(side, device=images.device, dtype=dtype) + 0.5) / side
    x, y = (box[:, low, None] + steps * (box[:, low + 2] - box[:, low])[:, None] for low in (0, 1))
    grid = torch.stack(torch.broadcast_tensors(x[:, None, :], y[:, :, None]), dim=3)
    crops = grid_sample(images.to(dtype), 2 * grid - 1, mode="bilinear", padding_mode="border", align_corners=False)
    return crops.to(images.dtype)


def boxes_around(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the boxes around the true values of (B, h, w) masks.

    Returns:
        (B, 4) float32 boxes, the whole image for an empty mask, and (B, 1) bool, whether the mask has true values.
    """
    (x0, x1), (y0, y1) = _ends(mask.any(1)), _ends(mask.any(2))
    found = mask.flatten(1).any(1, keepdim=True)
    boxes = torch.stack([x0, y0, x1, y1], dim=1)
    return torch.where(found, boxes, _whole_image(boxes)), found


def _ends(line: Tensor) -> tuple[Tensor, Tensor]:
    """Return the index of the first true value of each (B, n) row and that after the last, as fractions of n."""
    length, ones = line.shape[1], line.to(torch.uint8)
    first, after = ones.argmax(1), length - ones.flip(1).argmax(1)
    return first.float() / length, after.float() / length


def _whole_image(boxes: Tensor) -> Tensor:
    """Return (0, 0, 1, 1), (4,), created on the boxes' device: a copy from the host would synchronise."""
    return (torch.arange(4, device=boxes.device) >= 2).to(boxes.dtype)
