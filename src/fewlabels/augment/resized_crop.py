"""Random resized crop: a random part of each image of a (B, C, H, W) batch, enlarged to the size of the whole."""

from math import log
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from fewlabels.randomness import Draws

AREA = (0.08, 1.0)
"""The least and the largest share of the image's area."""
RATIO = (3 / 4, 4 / 3)
"""The least and the largest aspect ratio, width to height in pixels."""
ATTEMPTS = 10


def random_resized_crop(images: Tensor, draws: Draws) -> Tensor:
    """Cut out 8 to 100 % of each (B, C, H, W) uint8 image, aspect ratio 3/4 to 4/3, and enlarge it bilinearly.

    The distributions are those of the Inception networks' training (Szegedy et al., CVPR 2015), as in torchvision's
    ``RandomResizedCrop``: the area is uniform, the ratio's logarithm is uniform, sides are rounded to whole pixels and
    all places are equally probable. Of ten attempts the first one that fits is taken. Where none does, which happens
    to long images only, the first one is shortened to the image's sides.
    """
    height, width = images.shape[2:]
    left, across, top, down = (edge.to(images.device, non_blocking=True) for edge in _windows(draws, height, width))
    columns, rows = _places(left, across, width), _places(top, down, height)
    return read_at(images.float(), columns, rows, "border").round_().clamp_(0, 255).to(images.dtype)


def read_at(images: Tensor, columns: Tensor, rows: Tensor, outside: Literal["zeros", "border"]) -> Tensor:
    """Read (B, C, H, W) floating-point images bilinearly on a grid of places.

    Args:
        images: read at places that may lie outside.
        columns: (B, W'), as fractions of the width; pixel j has its centre at (j + 1/2) / W.
        rows: (B, H'), as fractions of the height.
        outside: what lies around the image: zeros, or its edge.

    Returns:
        (B, C, H', W').
    """
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), dim=3)
    places = (2 * grid - 1).to(images.dtype)
    return grid_sample(images, places, mode="bilinear", padding_mode=outside, align_corners=False)


def _windows(draws: Draws, height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(B, 1) float32 each: left edge, width, top edge and height, in whole pixels."""
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


def _places(start: Tensor, length: Tensor, size: int) -> Tensor:
    """(B, size) float32: where along one side each pixel is read, as a fraction; the window's edge goes on outside it.

    So the pixels around the window do not shine in, as if it had been cut out before it is enlarged.
    """
    centres = (torch.arange(size, device=start.device) + 0.5) / size * length
    return (start + torch.minimum(centres.clamp_min(0.5), length - 0.5)) / size
