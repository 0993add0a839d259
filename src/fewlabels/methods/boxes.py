"""Boxes for mixing images: drawing them, masks of their pixels, and pasting one image's box into another image.

Legend: B images of H x W pixels; N boxes, one per image or a single one for all of them. Edges are tensors and nothing
loops over boxes, so that shapes are static and no step has to synchronise with the device.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from fewlabels.randomness import Draws


class MixBoxes(NamedTuple):
    """Edges of N boxes in pixels, (N,) int64 each; ``top`` and ``left`` are included, ``bottom`` and ``right`` not."""

    top: Tensor
    left: Tensor
    bottom: Tensor
    right: Tensor

    @property
    def area(self) -> Tensor:
        """Number of pixels of each box, (N,) int64."""
        return (self.bottom - self.top) * (self.right - self.left)

    def where(self, kept: Tensor) -> "MixBoxes":
        """Return the boxes with those emptied for which ``kept`` (N,) bool is False."""
        return self._replace(bottom=torch.where(kept, self.bottom, self.top))

    def to(self, device: torch.device) -> "MixBoxes":
        """Return the boxes on another device."""
        return MixBoxes(*(edge.to(device, non_blocking=True) for edge in self))


def draw_boxes(draws: Draws, height: int, width: int, beta: int) -> MixBoxes:
    """Draw one box per slot that covers about the share 1 - lambda of an image, lambda ~ Beta(beta, beta).

    A side is floor(side * sqrt(1 - lambda)), reduced by one pixel if that is odd; the centre is a random pixel, and the
    box is clipped at the border (CutMix; SnapMix's ``rand_bbox``; docs/papers/pepl.md, P9). The median of 2 beta - 1
    uniform numbers has exactly the distribution Beta(beta, beta), so no other source of randomness is needed.
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
    """Draw the boxes to remove and to insert, independently; if one of a pair is empty, both are.

    See docs/papers/pepl.md, P9.
    """
    removed, inserted = (draw_boxes(draws.fork(name), height, width, beta) for name in ("removed", "inserted"))
    both = (removed.area > 0) & (inserted.area > 0)
    return removed.where(both), inserted.where(both)


def inside(boxes: MixBoxes, height: int, width: int) -> Tensor:
    """Return which pixels are inside each box, (N, H, W) bool."""
    rows = _between(boxes.top, boxes.bottom, height)
    columns = _between(boxes.left, boxes.right, width)
    return rows[:, :, None] & columns[:, None, :]


def _between(first: Tensor, end: Tensor, size: int) -> Tensor:
    place = torch.arange(size, device=first.device)
    return (place >= first[:, None]) & (place < end[:, None])


def mass(maps: Tensor, boxes: MixBoxes) -> Tensor:
    """Sum each map (B, H, W) over the pixels inside its box, (B,)."""
    return (maps * inside(boxes, *maps.shape[1:])).sum((1, 2))


def paste(images: Tensor, sources: Tensor, removed: MixBoxes, inserted: MixBoxes) -> Tensor:
    """Replace the box ``removed`` of each image by the box ``inserted`` of its source.

    Args:
        images: (B, C, H, W) float.
        sources: (B, C, H, W), one source per image.
        removed: box of the image that is filled; pixels outside it do not change.
        inserted: box of the source, resized to ``removed`` bilinearly with aligned corners.

    Returns:
        (B, C, H, W), of the dtype of the images.
    """
    height, width = images.shape[2:]
    rows = _scaled((removed.top, removed.bottom), (inserted.top, inserted.bottom), height, images.dtype)
    columns = _scaled((removed.left, removed.right), (inserted.left, inserted.right), width, images.dtype)
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=3)
    grid = grid.expand(len(images), -1, -1, -1)
    scaled = grid_sample(sources, grid, mode="bilinear", padding_mode="border", align_corners=True)
    return torch.where(inside(removed, height, width)[:, None], scaled, images)


def _scaled(target: tuple[Tensor, Tensor], source: tuple[Tensor, Tensor], size: int, dtype: torch.dtype) -> Tensor:
    """Return where along one side each target pixel is sampled, (N, size), from -1 (first pixel) to 1 (last pixel)."""
    (first, end), (start, stop) = target, source
    way = torch.arange(size, device=first.device) - first[:, None]
    share = way.to(dtype) / (end - first - 1).clamp_min(1)[:, None]
    place = start[:, None] + share * (stop - start - 1).clamp_min(0)[:, None]
    return 2 * place / max(1, size - 1) - 1
