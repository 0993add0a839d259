"""The views that a method can ask for by name.

A view is a pure function: row i of the result depends on ``images[i]`` and ``draws.slots[i]`` only. To add one, write
a function of (images, draws, flip) and give it a name in :data:`VIEWS`; draw from a fork per stage.
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
"""From (B, C, H, W) uint8 images, C 1 or 3, sides 8 to 448, and B slots, to images of the same shape.

The result is uint8, or float32 in 0..255, on the images' device; the draws stay on the CPU.
"""


def identity(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """The images as they are."""
    return images


def weak(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A random crop after reflection padding, and the mirror images that the data allow."""
    return crop.flip(crop.pad_and_crop(images, draws.fork("crop")), draws.fork("flip"), flip)


def strong(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A weak view, then USB's RandAugment."""
    return USB(weak(images, draws, flip), draws.fork("randaugment"))


def strong_fixmatch(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A weak view, then FixMatch's RandAugment."""
    return FIXMATCH(weak(images, draws, flip), draws.fork("randaugment"))


def noise(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """The images with Gaussian noise, float32: DNLL's strong view for the 13-layer CNN and for USPS to MNIST."""
    return add_noise(images, draws.fork("noise"))


def weak_noise(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A weak view, then Gaussian noise, float32."""
    return add_noise(weak(images, draws, flip), draws.fork("noise"))


def jitter(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A weak view, then colour jitter: DNLL's strong view for the WRN-28-2; its strengths are ours, it names none."""
    return colour_jitter(weak(images, draws, flip), draw_factors(draws.fork("jitter")))


def translate(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A horizontal shift alone, never a mirror image: DNLL's strong view for SVHN; its range is ours, it names none.

    All whole shifts of at most a sixteenth of the width, 2 pixels at 32, and at least 1, are equally probable. What
    comes in at the side is the reflection, without the edge.
    """
    last = images.shape[3] - 1
    furthest = max(1, images.shape[3] // 16)
    shift = draws.fork("translate").integers(2 * furthest + 1) - furthest
    columns = last - (last - (torch.arange(last + 1) + shift).abs()).abs()
    index = columns.to(images.device, non_blocking=True)[:, None, None]
    return images.gather(3, index.expand(images.shape))


def resized_crop(images: Tensor, draws: Draws, flip: Flip) -> Tensor:
    """A random resized crop of 8 to 100 % of the area, and the mirror images that the data allow."""
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
"""How many bytes of images a processor takes through a view at once; it changes nothing but the speed."""


def make_view(name: str, flip: Flip) -> View:
    """The view of that name, with the mirror images that the data allow; an unknown name is a :class:`UserError`."""
    if name not in VIEWS:
        raise UserError(f"there is no view '{name}': {nearest(name, VIEWS)}")
    return partial(_draw, VIEWS[name], flip)


def _draw(view: Callable[[Tensor, Draws, Flip], Tensor], flip: Flip, images: Tensor, draws: Draws) -> Tensor:
    assert len(images) == len(draws.slots), "every image has one slot"
    if images.device.type != "cpu":
        return view(images, draws, flip)
    # Photographs a few at a time, so that what lies between the stages stays in the cache: several times faster.
    rows = max(8, CPU_BYTES // images[0].numel())
    parts = zip(images.split(rows), draws.slots.split(rows), strict=True)
    return torch.cat([view(part, Draws(draws.key, slots), flip) for part, slots in parts])


class Normalize(nn.Module):
    """From pixels in 0..255, uint8 or float, (B, C, H, W), to float32 of zero mean and unit deviation.

    Arguments:
        mean, std: one number per channel, for pixels in 0..1.
        channels_last: whether the result lies in memory with the channels last.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float], channels_last: bool = False) -> None:
        super().__init__()
        assert len(mean) == len(std)
        assert all(deviation > 0 for deviation in std)
        # Known from the data, not learnt: not part of the saved state.
        self.register_buffer("mean", 255 * torch.tensor(mean)[:, None, None], persistent=False)
        self.register_buffer("std", 255 * torch.tensor(std)[:, None, None], persistent=False)
        self.layout = torch.channels_last if channels_last else torch.contiguous_format

    def forward(self, images: Tensor) -> Tensor:
        assert images.shape[1] == len(self.mean), "one mean per channel"
        pixels = images.to(torch.float32, memory_format=self.layout)
        return (pixels - self.mean) / self.std

    def inverse(self, inputs: Tensor) -> Tensor:
        """Pixels, (B, C, H, W) uint8, of what the network sees; values beyond black and white are cut off."""
        return (inputs * self.std + self.mean).round().clamp(0, 255).to(torch.uint8)
