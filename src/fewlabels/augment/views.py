"""The views that a method can request by name.

A view is a pure function: row i of the result depends on ``images[i]`` and ``draws.slots[i]`` only. To add a view,
write a function of (images, draws, flip) and add it to :data:`VIEWS`; draw from one fork per stage.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from fewlabels.augment import crop
from fewlabels.augment.jitter import colour_jitter, draw_factors
from fewlabels.augment.noise import add_noise
from fewlabels.augment.randaugment import FIXMATCH, USB
from fewlabels.augment.resized_crop import random_resized_crop
from fewlabels.data.dataset import Flip
from fewlabels.errors import UserError, nearest
from fewlabels.randomness import Draws

View = Callable[[Tensor, Draws], Tensor]
"""A function of (B, C, H, W) uint8 images, C 1 or 3, sides 8 to 448, and B slots that returns images of that shape.

The result is uint8, or float32 in 0..255, on the images' device; the draws are on the CPU.
"""


def identity(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Return the images without change."""
    return images


def weak(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a random crop after reflection padding, and the flips that preserve the label."""
    return crop.flip(crop.pad_and_crop(images, draws.fork("crop")), draws.fork("flip"), flip)


def strong(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a weak view, then USB's RandAugment."""
    return USB(weak(images, draws, flip), draws.fork("randaugment"))


def strong_fixmatch(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a weak view, then FixMatch's RandAugment."""
    return FIXMATCH(weak(images, draws, flip), draws.fork("randaugment"))


def noise(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Add Gaussian noise, float32: DNLL's strong view for the 13-layer CNN and for USPS to MNIST."""
    return add_noise(images, draws.fork("noise"))


def weak_noise(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a weak view, then Gaussian noise, float32."""
    return add_noise(weak(images, draws, flip), draws.fork("noise"))


def jitter(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a weak view, then colour jitter: DNLL's strong view for WRN-28-2; the paper gives no strengths."""
    return colour_jitter(weak(images, draws, flip), draw_factors(draws.fork("jitter")))


def translate(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Shift horizontally, without flips: DNLL's strong view for SVHN; the paper gives no range.

    All whole shifts of at most 1/16 of the width (2 pixels at 32, at least 1) are equally probable. Missing pixels are
    filled by reflection without the edge.
    """
    last = images.shape[3] - 1
    furthest = max(1, images.shape[3] // 16)
    shift = draws.fork("translate").integers(2 * furthest + 1) - furthest
    columns = last - (last - (torch.arange(last + 1) + shift).abs()).abs()
    index = columns.to(images.device, non_blocking=True)[:, None, None]
    return images.gather(3, index.expand(images.shape))


def resized_crop(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """Apply a random resized crop of 8 to 100 % of the area, and the flips that preserve the label."""
    return crop.flip(random_resized_crop(images, draws.fork("crop")), draws.fork("flip"), flip)


VIEWS: dict[str, Callable[[Tensor, Draws, Flip], Tensor]] = {
    "identity": identity,
    "weak": weak,
    "strong": strong,
    "strong-fixmatch": strong_fixmatch,
    "noise": noise,
    "weak-noise": weak_noise,
    "jitter": jitter,
    "translate": translate,
    "random-resized-crop": resized_crop,
}


CPU_BYTES = 1 << 20
"""Bytes of images that a CPU processes at once; it affects the speed only."""


def make_view(name: str, flip: Flip) -> View:
    """Return the view of that name with the given flips; raise UserError for an unknown name."""
    if name not in VIEWS:
        raise UserError(f"there is no view '{name}': {nearest(name, VIEWS)}")
    return partial(_draw, VIEWS[name], flip)


def _draw(view: Callable[[Tensor, Draws, Flip], Tensor], flip: Flip, images: Tensor, draws: Draws) -> Tensor:
    assert len(images) == len(draws.slots), "every image has one slot"
    if images.device.type != "cpu":
        return view(images, draws, flip)
    # Few photographs at a time, so that intermediate results stay in the cache: several times faster.
    rows = max(8, CPU_BYTES // images[0].numel())
    parts = zip(images.split(rows), draws.slots.split(rows), strict=True)
    return torch.cat([view(part, Draws(draws.key, slots), flip) for part, slots in parts])


class Normalize(nn.Module):
    """Normalise (B, C, H, W) pixels in 0..255, uint8 or float, to float32 of zero mean and unit standard deviation.

    Args:
        mean: one value per channel, for pixels in 0..1.
        std: likewise, above 0.
        channels_last: whether the result has the memory format channels_last.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], channels_last: bool = False) -> None:
        super().__init__()
        assert len(mean) == len(std)
        assert all(deviation > 0 for deviation in std)
        # Computed from the data, not trained: not part of the state dict.
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std)[:, None, None], persistent=False)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[1] == len(self.mean), "one mean per channel"
        pixels = images.to(torch.float32, memory_format=self.layout)
        return (pixels - self.mean) / self.std

    def inverse(self, inputs: Tensor) -> Tensor:
        """Convert network inputs back to (B, C, H, W) uint8 pixels; values outside 0..255 are clipped."""
        return (inputs * self.std + self.mean).round().clamp(0, 255).to(torch.uint8)
