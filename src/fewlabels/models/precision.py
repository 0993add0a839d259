"""Number formats and memory layouts that a network can be computed in, and the choice between them."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import torch

NumberFormat = Literal["fp32", "bf16"]
Layout = Literal["contiguous", "channels_last"]

TIE = 1.1
"""Candidates within this factor of the fastest count as equally fast."""


class Precision(NamedTuple):
    """The number format of the forward pass (weights stay float32) and the layout of images and filters."""

    name: NumberFormat
    layout: Layout

    def __str__(self) -> str:
        return f"{self.name} {self.layout}"

    @property
    def channels_last(self) -> bool:
        """Whether the channels of a place are next to each other in memory."""
        return self.layout == "channels_last"


PLAIN = Precision("fp32", "contiguous")
"""What torch does by default."""


def candidates(device: torch.device, name: NumberFormat | None = None, layout: Layout | None = None) -> list[Precision]:
    """List the formats and layouts that a device supports, the plainest first.

    Args:
        device: where the network is computed. MPS has float32 in the contiguous layout only, unless asked otherwise.
        name: the number format, where it is fixed.
        layout: the memory layout, where it is fixed.

    Returns:
        At least one candidate. bf16 in the contiguous layout is left out unless ``name`` or ``layout`` asks for it,
        because bf16 convolutions are fastest in channels_last.
    """
    names: tuple[NumberFormat, ...] = (name,) if name else ("fp32", "bf16") if _has_bf16(device) else ("fp32",)
    layouts: tuple[Layout, ...] = (layout,) if layout else ("contiguous", "channels_last")
    if layout is None and device.type == "mps":
        layouts = ("contiguous",)
    every = [Precision(one, other) for one in names for other in layouts]
    slow = [] if name or layout else [Precision("bf16", "contiguous")]
    return [candidate for candidate in every if candidate not in slow]


def _has_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu"


def fastest(times: Mapping[Precision, float]) -> Precision:
    """Choose the plainest candidate whose time is within :data:`TIE` of the shortest.

    fp32 is plainer than bf16, and contiguous than channels_last. So a choice between candidates that are equally fast
    does not change from one measurement to the next.
    """
    limit = TIE * min(times.values())
    tied = [candidate for candidate, time in times.items() if time <= limit]
    return min(tied, key=lambda candidate: (candidate.name == "bf16", candidate.channels_last))
