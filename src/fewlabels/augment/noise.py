"""Gaussian noise, independent for every pixel."""

import torch
from torch import Tensor

from fewlabels.randomness import Draws

DEVIATION = 0.15 * 255 / 4
"""Standard deviation of the noise in levels of 0..255; see :func:`add_noise`."""


def add_noise(images: Tensor, draws: Draws) -> Tensor:
    """Add Gaussian noise to (B, C, H, W) images in 0..255; the result is float32 and not clipped.

    The original code of DNLL and related methods adds noise of standard deviation 0.15 to *normalised* pixels. A view
    is applied before normalisation and does not know its parameters, so it assumes that the data have a standard
    deviation of a quarter of the range: that of CIFAR-10 is 0.247, 0.244 and 0.262, that of SVHN 0.20 and that of MNIST
    0.31. The noise has a standard deviation of 9.56 levels in all cases.

    The numbers are drawn on the images' device; devices agree on them within float32 rounding.
    """
    noise = _normal(Draws(draws.key, draws.slots.to(images.device, non_blocking=True)), images[0].numel())
    return torch.add(images, noise.view(images.shape), alpha=DEVIATION)


def _normal(draws: Draws, count: int) -> Tensor:
    """Draw (B, count) float32 from N(0, 1) by the Box-Muller method, with absolute values of at most 4.25.

    One uniform number of 24 bits provides a radius and an angle of 12 bits each, and therefore two values. This takes a
    quarter of the hashing of ``Draws.normal``, which is exact far into the tails; hashing is most of the time.
    """
    drawn = draws.uniform(-(-count // 2)).mul_(4096)
    radius = drawn.floor()
    angle = drawn.sub_(radius).mul_(2 * torch.pi)
    radius.add_(0.5).div_(4096).log_().mul_(-2).sqrt_()
    return torch.cat([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)[:, :count]
