"""Random resized crop: a random window of each image of a (B, C, H, W) batch, resized to the image's size."""

from math import log
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from fewlabels.randomness import Draws

AREA = (0.08, 1.0)
"""The smallest and largest fraction of the image's area."""
RATIO = (3 / 4, 4 / 3)
"""The smallest and largest aspect ratio, width to height in pixels."""
ATTEMPTS = 10
"""Windows drawn per image, of which the first that fits is used."""


def random_resized_crop(images: Tensor, draws: Draws) -> Tensor:
    """Crop 8 to 100 % of the area of each (B, C, H, W) uint8 image, aspect ratio 3/4 to 4/3, and resize it bilinearly.

    The distributions are those of the Inception networks' training (Szegedy et al., CVPR 2015), as in torchvision's
    ``RandomResizedCrop``: the area and the logarithm of the ratio are uniform, sides are rounded to whole pixels, and
    all positions are equally probable. The first of ten windows that fits is used. Where none fits, which happens for
    elongated images only, the first one is clipped to the image's sides.
    """
    height, width = images.shape[2:]
    left, across, top, down = (edge.to(images.device, non_blocking=True) for edge in _windows(draws, height, width))
    columns, rows = _positions(left, across, width), _positions(top, down, height)
    return sample_at(images.float(), columns, rows, "border").round_().clamp_(0, 255).to(images.dtype)


def sample_at(images: Tensor, columns: Tensor, rows: Tensor, outside: Literal["zeros", "border"]) -> Tensor:
    """Sample (B, C, H, W) floating-point images bilinearly on a grid.

    Args:
        images: the images.
        columns: (B, W') fractions of the width, also outside 0 to 1; the centre of pixel j is at (j + 1/2) / W.
        rows: (B, H') fractions of the height, likewise.
        outside: the values outside the image: zeros, or its edge.

    Returns:
        (B, C, H', W').
    """
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=3)
    positions = (2 * grid - 1).to(images.dtype)
    return grid_sample(images, positions, mode="bilinear", padding_mode=outside, align_corners=False)


def _windows(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw windows: left edge, width, top edge and height, (B, 1) float32 each, in whole pixels."""
    area = AREA[0] + (AREA[1] - AREA[0]) * draws.fork("area").uniform(ATTEMPTS)
    ratio = torch.exp(log(RATIO[0]) + log(RATIO[1] / RATIO[0]) * draws.fork("ratio").uniform(ATTEMPTS))
    across = (area * height * width * ratio).sqrt().round()
    down = (area * height * width / ratio).sqrt().round()
    fits = (across <= width) & (down <= height)
    first = fits.byte().argmax(1, keepdim=True)
    across = across.gather(1, first).clamp(1, width)
    down = down.gather(1, first).clamp(1, height)
    x, y = draws.fork("place").uniform(2).split(1, dim=1)
    return (x * (width - across + 1)).floor(), across, (y * (height - down + 1)).floor(), down


def _positions(start: Tensor, length: Tensor, size: int) -> Tensor:
    """Return (B, size) float32 sampling positions along one side, as fractions of it.

    Positions are clamped to the centres of the window's outer pixels, so that pixels outside the window have no
    influence, as if the window had been cut out before resizing.
    """
    centres = (torch.arange(size, device=start.device) + 0.5) / size * length
    return (start + torch.minimum(centres.clamp_min(0.5), length - 0.5)) / size
