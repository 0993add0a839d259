"""Gaussian noise, drawn for every pixel."""

import torch
from torch import Tensor

from fewlabels.randomness import Draws

DEVIATION = 0.15 * 255 / 4
"""In levels of 0..255. See :func:`add_noise`."""


def add_noise(images: Tensor, draws: Draws) -> Tensor:
    """Add Gaussian noise to each value of (B, C, H, W) images in 0..255; float32, and not clipped.

    The original code of DNLL and its relatives adds a deviation of 0.15 to *normalised* pixels. A view works before the
    normalisation and does not know it, so it takes a deviation of the data of a quarter of the range: those of CIFAR-10
    are 0.247, 0.244 and 0.262, that of SVHN is 0.20 and that of MNIST 0.31. The noise is 9.56 levels for all of them.

    The numbers are drawn on the images' device; devices agree on them to float32's rounding.
    """
    noise = _normal(Draws(draws.key, draws.slots.to(images.device, non_blocking=True)), images[0].numel())
    return torch.add(images, noise.view(images.shape), alpha=DEVIATION)


def _normal(draws: Draws, count: int) -> Tensor:
    """(B, count) float32 from N(0, 1) by Box and Muller, of absolute value 4.25 at most.

    One uniform number of 24 bits gives a radius and an angle of 12 bits each, and so two values: a quarter of the
    hashing, which is most of the time, that ``Draws.normal`` takes to be exact far into the tails.
    """
    drawn = draws.uniform(-(-count // 2)).mul_(4096)
    radius = drawn.floor()
    angle = drawn.sub_(radius).mul_(2 * torch.pi)
    radius.add_(0.5).div_(4096).log_().mul_(-2).sqrt_()
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)[:, :count]
