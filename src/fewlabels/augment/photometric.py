"""Operations on grey levels and colours, each equal to Pillow's operation of the same name.

An operation that maps each level of a channel to another level is a table of 256 entries per image and channel; only
colour and sharpness depend on more than one value at a time.
"""

import torch
from torch import Tensor

from fewlabels.augment.operation import Operation, look_up, replace


def _unchanged(images: Tensor, magnitude: Tensor) -> Tensor:
    return images


def _auto_contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    # Pillow truncates a float64 product; other arithmetic differs by one level where the exact result is an integer.
    precision = torch.float32 if images.device.type == "mps" else torch.float64
    low, high = (extreme.to(precision) for extreme in torch.aminmax(images.flatten(2), dim=2, keepdim=True))
    varied = high > low
    low, span = low * varied, torch.where(varied, high - low, 255)  # a constant channel is stretched from 0..255
    scale = torch.full_like(span, 255).div_(span)  # 255 / span would multiply by a rounded 1 / span
    return (_levels(images) * scale).sub_(low * scale).clamp_(0, 255).to(torch.uint8)


def _equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    pixels = images.flatten(2).long()
    one = torch.ones((), dtype=torch.int32, device=images.device).expand(pixels.shape)
    histogram = torch.zeros(*pixels.shape[:2], 256, dtype=torch.int32, device=images.device).scatter_add_(
        2, pixels, one
    )
    brightest = histogram.gather(2, pixels.amax(2, keepdim=True))
    step = (pixels.shape[2] - brightest) // 255
    below = histogram.cumsum(2, dtype=torch.int32).sub_(histogram)
    table = below.add_(step // 2).div_(step.clamp_min(1), rounding_mode="floor").clamp_max_(255)
    return torch.where(step > 0, table, _levels(images)).to(torch.uint8)


def _posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    dropped = 8 - _per_image(magnitude, images).to(torch.int32)
    return _for_channels(images, (_levels(images) >> dropped) << dropped)


def _solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    levels = _levels(images)
    return _for_channels(images, torch.where(levels < _per_image(magnitude, images), levels, 255 - levels))


def _brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    return _for_channels(images, (_levels(images) * _per_image(magnitude, images)).clamp_(0, 255))


def _contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    grey = _grey(images).flatten(2)
    mean = (2 * grey.sum(2, keepdim=True) + grey.shape[2]) // (2 * grey.shape[2])
    return _for_channels(images, _blend(mean, _levels(images), _per_image(magnitude, images)))


def _color(images: Tensor, magnitude: Tensor) -> Tensor:
    if images.shape[1] == 1:
        return images
    return _blend(_grey(images), images, _per_image(magnitude, images)[..., None])


def _sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    pixels = images.to(torch.int16)
    centre = pixels[:, :, 1:-1, 1:-1].contiguous()
    columns = (pixels[:, :, :-2] + pixels[:, :, 1:-1]).add_(pixels[:, :, 2:])
    weighted = (columns[..., :-2] + columns[..., 1:-1]).add_(columns[..., 2:]).add_(centre, alpha=4)
    smooth = (weighted + 6.5).div_(13).floor_()  # the kernel's weights are 1, and 5 in the middle: 13 in total
    result = images.clone()
    result[:, :, 1:-1, 1:-1] = _blend(smooth, centre, _per_image(magnitude, images)[..., None])
    return result


def _levels(images: Tensor) -> Tensor:
    """Return all levels of a pixel, (1, 1, 256) int32."""
    return torch.arange(256, dtype=torch.int32, device=images.device)[None, None]


def _per_image(magnitude: Tensor, images: Tensor) -> Tensor:
    """Return (B, 1, 1) magnitudes on the images' device."""
    return magnitude.to(images.device, non_blocking=True)[:, None, None]


def _for_channels(images: Tensor, table: Tensor) -> Tensor:
    """Expand a (B, 1, 256) table that is the same for all channels to (B, C, 256) uint8."""
    return table.to(torch.uint8).expand(-1, images.shape[1], -1)


def _blend(degenerate: Tensor, original: Tensor, factor: Tensor) -> Tensor:
    """Blend like Pillow's ``Image.blend`` in float32: a rounded product, a rounded sum, and truncation to uint8."""
    base = degenerate.float()
    return ((original.float() - base) * factor).add_(base).clamp_(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """Convert to (B, 1, H, W) int32 like Pillow's mode "L": the ITU-R 601-2 luma with weights in 1/65536."""
    if images.shape[1] == 1:
        return images.to(torch.int32)
    red, green, blue = images.to(torch.int32).split(1, dim=1)
    return (red * 19595).add_(green, alpha=38470).add_(blue, alpha=7471).add_(32768) >> 16


unchanged = Operation(_unchanged, replace)
"""Return the images; RandAugment's "identity". No magnitude."""

auto_contrast = Operation(_auto_contrast, look_up)
"""Stretch each channel to 0..255, like ``ImageOps.autocontrast``; a constant channel is not changed. No magnitude."""

equalize = Operation(_equalize, look_up)
"""Flatten each channel's histogram, like ``ImageOps.equalize``. No magnitude."""

posterize = Operation(_posterize, look_up)
"""Keep the ``int(magnitude)`` highest bits, 1 to 8, like ``ImageOps.posterize``."""

solarize = Operation(_solarize, look_up)
"""Invert every level that is at least the magnitude, 0 to 256, like ``ImageOps.solarize``."""

brightness = Operation(_brightness, look_up)
"""Blend with black (0) towards the image (1), like ``ImageEnhance.Brightness``."""

contrast = Operation(_contrast, look_up)
"""Blend with the image's rounded mean grey (0) towards the image (1), like ``ImageEnhance.Contrast``."""

color = Operation(_color, replace)
"""Blend with the grey image (0) towards the image (1), like ``ImageEnhance.Color``; grey images are not changed."""

sharpness = Operation(_sharpness, replace)
"""Blend with the smoothed image (0) towards the image (1), like ``ImageEnhance.Sharpness``, except at the border."""
