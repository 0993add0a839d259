"""Colour jitter: brightness, contrast, saturation and hue, with factors of its own for each image."""

import torch
from torch import Tensor

from fewlabels.augment.photometric import brightness, color, contrast
from fewlabels.randomness import Draws

LOWEST, HIGHEST = 0.6, 1.4
"""The range of the factors of brightness, contrast and saturation."""
HUE = 0.1
"""The largest absolute shift of the hue, in turns of the colour wheel."""


def colour_jitter(images: Tensor, factors: Tensor) -> Tensor:
    """Adjust brightness, contrast, saturation and hue, in this order, like ``torchvision``'s functions ``adjust_*``.

    Args:
        images: (B, C, H, W) uint8. Of grey images, C = 1, only brightness and contrast are adjusted.
        factors: (B, 4) float32 on the CPU: three factors, 1 for no change, and the shift of the hue in turns, 0 for no
            change.
    """
    for number, operation in enumerate((brightness, contrast, color)):
        images = operation(images, factors[:, number])
    return images if images.shape[1] == 1 else _shift_hue(images, factors[:, 3])


def draw_factors(draws: Draws) -> Tensor:
    """Draw (B, 4) factors for :func:`colour_jitter`: three uniform in [0.6, 1.4), one uniform in [-0.1, 0.1)."""
    low = torch.tensor([LOWEST, LOWEST, LOWEST, -HUE])
    high = torch.tensor([HIGHEST, HIGHEST, HIGHEST, HUE])
    return low + (high - low) * draws.uniform(4)


def _shift_hue(images: Tensor, shift: Tensor) -> Tensor:
    """Shift the hue of (B, 3, H, W) uint8 images by (B,) turns; value and saturation (of HSV) are kept."""
    pixels = images.float()
    low, value = torch.aminmax(pixels, dim=1)
    chroma = value - low
    hue = _sixths(pixels, value, chroma) + 6 * shift.to(images.device, non_blocking=True)[:, None, None]
    # Each channel is the value minus the chroma in the half of the wheel opposite to the channel, with linear flanks.
    centres = torch.tensor([0.0, 2.0, 4.0], device=images.device)[:, None, None]
    taken = (hue[:, None] - centres).abs_().sub_(3).abs_().neg_().add_(2).clamp_(0, 1)
    return (value[:, None] - taken.mul_(chroma[:, None])).round_().to(torch.uint8)


def _sixths(pixels: Tensor, value: Tensor, chroma: Tensor) -> Tensor:
    """Compute the hue, (B, H, W), in sixths of a turn from red, -1 to 5; 0 for grey pixels."""
    red, green, blue = pixels.unbind(1)
    from_green = torch.where(value == green, 2 * chroma + blue - red, 4 * chroma + red - green)
    return torch.where(value == red, green - blue, from_green) / chroma.clamp_min(1)
