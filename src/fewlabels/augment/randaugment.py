"""RandAugment (Cubuk et al., 2020) in the two variants that semi-supervised learning uses, drawn per image.

A policy draws ``count`` operations per image, with replacement, applies each with some probability, and applies cutout.
Images with the same operation are prepared together, and operations with the same kernel share one call of it, so the
cost is that of a few batched operations.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from fewlabels.augment import geometric, photometric
from fewlabels.augment.crop import cutout
from fewlabels.augment.operation import Operation
from fewlabels.randomness import Draws


class Choice(NamedTuple):
    """An operation of a policy, with magnitude ``low + (high - low) * strength``."""

    operation: Operation
    low: float = 0.0
    high: float = 0.0
    signed: bool = False
    """Whether the magnitude is negated with probability 1/2."""


@dataclass(frozen=True)
class Policy:
    """A view of (B, C, H, W) uint8 images, C 1 or 3, and their draws: uint8 images of the same shape."""

    choices: tuple[Choice, ...]
    """The operations; those with the same kernel are adjacent."""
    count: int
    """Number of operations drawn per image, with replacement."""
    probability: float
    """Probability that a drawn operation is applied."""
    levels: int | None
    """None for a strength uniform in [0, 1); otherwise it is one of 1/levels, ..., (levels - 1)/levels."""
    cutout: tuple[float, float]
    """Range of the side of the square, drawn uniformly, as fractions of the image's width."""
    colour: tuple[int, int, int]
    """Colour of the square; grey images use the first channel."""

    def __call__(self, images: Tensor, draws: Draws) -> Tensor:
        chosen, magnitudes = self.draw(draws.fork("operations"))
        for position in range(self.count):
            images = self._apply(images, chosen[:, position], magnitudes[:, position])
        smallest, largest = (fraction * images.shape[3] for fraction in self.cutout)
        return cutout(images, draws.fork("cutout"), smallest, largest, self.colour)

    def draw(self, draws: Draws) -> tuple[Tensor, Tensor]:
        """Draw (B, count) int64 indices into ``choices``, len(choices) for none, and (B, count) float32 magnitudes."""
        which, strength, applied, sign = draws.uniform(4 * self.count).view(-1, self.count, 4).unbind(2)
        chosen = (which.double() * len(self.choices)).long()
        low, high, signed = self._ranges[chosen].unbind(2)
        if self.levels is not None:
            strength = (strength * (self.levels - 1) + 1).floor_() / self.levels
        magnitudes = (low + (high - low) * strength) * torch.where(sign < signed / 2, -1.0, 1.0)
        return torch.where(applied < self.probability, chosen, len(self.choices)), magnitudes

    @cached_property
    def _ranges(self) -> Tensor:
        """Return (len(choices), 3): low, high, signed."""
        return torch.tensor([[choice.low, choice.high, choice.signed] for choice in self.choices])

    def _apply(self, images: Tensor, chosen: Tensor, magnitude: Tensor) -> Tensor:
        """Apply to each image the operation of its index in ``chosen``; the last index stands for none."""
        order = np.argsort(chosen.numpy(), kind="stable")
        amounts = magnitude[torch.from_numpy(order)]
        ends = np.searchsorted(chosen.numpy()[order], np.arange(len(self.choices) + 1)).tolist()
        images = _pick(images, order)
        results = []
        for kernel, group in groupby(range(len(self.choices)), lambda i: self.choices[i].operation.kernel):
            members = [(self.choices[i].operation, slice(ends[i], ends[i + 1])) for i in group if ends[i] < ends[i + 1]]
            if members:
                parameters = [operation.prepare(images[rows], amounts[rows]) for operation, rows in members]
                rows = slice(members[0][1].start, members[-1][1].stop)
                results.append(kernel(images[rows], torch.cat(parameters)))
        return _pick(torch.cat([*results, images[ends[-1] :]]), np.argsort(order))


def _pick(images: Tensor, rows: np.ndarray) -> Tensor:
    return images.index_select(0, torch.from_numpy(rows).to(images.device, non_blocking=True))


USB = Policy(
    choices=(
        Choice(photometric.auto_contrast),
        Choice(photometric.brightness, 0.05, 0.95),
        Choice(photometric.contrast, 0.05, 0.95),
        Choice(photometric.equalize),
        Choice(photometric.posterize, 4, 8),
        Choice(photometric.solarize, 0, 256),
        Choice(photometric.color, 0.05, 0.95),
        Choice(photometric.unchanged),
        Choice(photometric.sharpness, 0.05, 0.95),
        Choice(geometric.rotate, -30, 30),
        Choice(geometric.shear_x, -0.3, 0.3),
        Choice(geometric.shear_y, -0.3, 0.3),
        Choice(geometric.translate_x, -0.3, 0.3),
        Choice(geometric.translate_y, -0.3, 0.3),
    ),
    count=3,
    probability=1.0,
    levels=None,
    cutout=(0.0, 0.5),
    colour=(125, 123, 114),
)
"""The policy of microsoft/Semi-supervised-learning (USB): uniform magnitudes, every operation is applied."""

FIXMATCH = Policy(
    choices=(
        Choice(photometric.auto_contrast),
        Choice(photometric.brightness, 0.05, 0.95),
        Choice(photometric.contrast, 0.05, 0.95),
        Choice(photometric.equalize),
        Choice(photometric.posterize, 4, 8),
        Choice(photometric.solarize, 256, 0),
        Choice(photometric.color, 0.05, 0.95),
        Choice(photometric.unchanged),
        Choice(photometric.sharpness, 0.05, 0.95),
        Choice(geometric.rotate, 0, 30, signed=True),
        Choice(geometric.shear_x, 0, 0.3, signed=True),
        Choice(geometric.shear_y, 0, 0.3, signed=True),
        Choice(geometric.translate_x_whole, 0, 0.3, signed=True),
        Choice(geometric.translate_y_whole, 0, 0.3, signed=True),
    ),
    count=2,
    probability=0.5,
    levels=10,
    cutout=(0.5, 0.5),
    colour=(127, 127, 127),
)
"""The policy of kekmodel/FixMatch-pytorch, which the student report uses: levels 1 to 9 of 10, half the width cut out.

That code cuts out 16 pixels whatever the size of the image, which is half the width at its 32 pixels.
"""
