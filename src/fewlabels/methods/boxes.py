"""Boxes for mixing images: drawing them, what lies in them, and pasting one image's box into another's.

Legend: B images of H x W pixels; N boxes, one for each image or a single one for all of them. Edges are numbers and no
loop goes over boxes, so that every step does work of the same shape and nothing waits for the device.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from fewlabels.randomness import Draws


class MixBoxes(NamedTuple):
    """(N,) int64 edges in pixels: ``top`` and ``left`` are inside, ``bottom`` and ``right`` the first ones outside."""

    top: Tensor
    left: Tensor
    bottom: Tensor
    right: Tensor

    @property
    def area(self) -> Tensor:
        """(N,) int64 pixels."""
        return (self.bottom - self.top) * (self.right - self.left)

    def where(self, kept: Tensor) -> "MixBoxes":
        """These boxes, but of no pixels where ``kept`` (N,) is False."""
        return self._replace(bottom=torch.where(kept, self.bottom, self.top))

    def to(self, device: torch.device) -> "MixBoxes":
        """The same boxes on another device."""
        return MixBoxes(*(edge.to(device, non_blocking=True) for edge in self))


def draw_boxes(draws: Draws, height: int, width: int, beta: int) -> MixBoxes:
    """One box per draw that covers about the share 1 - lambda of an image, lambda ~ Beta(beta, beta).

    Sides are floor(side * sqrt(1 - lambda)) less one pixel if that is odd, the centre is any pixel, and what lies
    outside is cut off (CutMix; SnapMix's ``rand_bbox``; METHODS P9). Of 2 beta - 1 uniform numbers the middle one is
    Beta(beta, beta) distributed exactly, so no other source of randomness is needed.
    """
    kept = draws.fork("share").uniform(2 * beta - 1).median(1).values
    top, bottom = _side(draws.fork("row"), height, kept)
    left, right = _side(draws.fork("column"), width, kept)
    return MixBoxes(top, left, bottom, right)


def _side(draws: Draws, size: int, kept: Tensor) -> tuple[Tensor, Tensor]:
    half = (size * (1 - kept).sqrt()).long() // 2
    centre = draws.integers(size)[:, 0]
    return (centre - half).clamp_min(0), (centre + half).clamp_max(size)


def draw_pair(draws: Draws, height: int, width: int, beta: int) -> tuple[MixBoxes, MixBoxes]:
    """The boxes to remove and to insert, independent of each other; both are empty where one of them is (P9)."""
    removed, inserted = (draw_boxes(draws.fork(name), height, width, beta) for name in ("removed", "inserted"))
    both = (removed.area > 0) & (inserted.area > 0)
    return removed.where(both), inserted.where(both)


def inside(boxes: MixBoxes, height: int, width: int) -> Tensor:
    """(N, H, W) bool: which pixels lie in the box?"""
    rows = _between(boxes.top, boxes.bottom, height)
    columns = _between(boxes.left, boxes.right, width)
    return rows[:, :, None] & columns[:, None, :]


def _between(first: Tensor, end: Tensor, size: int) -> Tensor:
    place = torch.arange(size, device=first.device)
    return (place >= first[:, None]) & (place < end[:, None])


def mass(maps: Tensor, boxes: MixBoxes) -> Tensor:
    """(B,) how much of each map (B, H, W) lies in the box."""
    return (maps * inside(boxes, *maps.shape[1:])).sum((1, 2))


def paste(images: Tensor, sources: Tensor, removed: MixBoxes, inserted: MixBoxes) -> Tensor:
    """Put what each source has in the box ``inserted`` where the image has the box ``removed``.

    Args:
        images: (B, C, H, W) float.
        sources: (B, C, H, W), beside the images.
        removed: filled; what the image has outside stays bit for bit.
        inserted: scaled to the size of ``removed``, bilinear with corners aligned.
    """
    height, width = images.shape[2:]
    rows = _scaled((removed.top, removed.bottom), (inserted.top, inserted.bottom), height, images.dtype)
    columns = _scaled((removed.left, removed.right), (inserted.left, inserted.right), width, images.dtype)
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=3)
    grid = grid.expand(len(images), -1, -1, -1)
    scaled = grid_sample(sources, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return torch.where(inside(removed, height, width)[:, None], scaled, images)


def _scaled(target: tuple[Tensor, Tensor], source: tuple[Tensor, Tensor], size: int, dtype: torch.dtype) -> Tensor:
    """(N, size): where along one side each pixel of the target is read, from -1 (first pixel) to 1 (last pixel)."""
    (first, end), (start, stop) = target, source
    way = torch.arange(size, device=first.device) - first[:, None]
    share = way.to(dtype) / (end - first - 1).clamp_min(1)[:, None]
    place = start[:, None] + share * (stop - start - 1).clamp_min(0)[:, None]
    return 2 * place / max(1, size - 1) - 1
