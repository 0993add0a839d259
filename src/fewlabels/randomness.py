"""Random numbers that depend on their purpose and not on what was drawn before.

Every number comes from hashing (seed, purpose, step, view, slot, index) with SplitMix64's finaliser, in integer
arithmetic that is the same on every device. No generator state has to be saved: any batch, view or negative of any
step can be drawn alone, by any process, in any order.
"""

import zlib
from typing import NamedTuple

import torch
from torch import Tensor

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB


def _signed(value: int) -> int:
    """Read 64 bits as two's complement, which is how torch stores them."""
    return value - (1 << 64) if value >> 63 else value


def _mix(z: int) -> int:
    """Apply SplitMix64's finaliser to one Python integer (Steele et al., 2014)."""
    z = ((z ^ (z >> 30)) * _MIX_1) & _MASK
    z = ((z ^ (z >> 27)) * _MIX_2) & _MASK
    return z ^ (z >> 31)


def _mix_tensor(z: Tensor) -> Tensor:
    """Apply :func:`_mix` to an int64 tensor; torch shifts keep the sign, so the shifted-in bits are cleared."""
    z = (z ^ ((z >> 30) & ((1 << 34) - 1))) * _signed(_MIX_1)
    z = (z ^ ((z >> 27) & ((1 << 37) - 1))) * _signed(_MIX_2)
    return z ^ ((z >> 31) & ((1 << 33) - 1))


def key_of(*parts: int | str) -> int:
    """Hash any path of names and numbers, e.g. ``key_of(seed, "unlabelled", step, view)``, to 64 bits."""
    key = 0
    for part in parts:
        number = zlib.crc32(part.encode()) | (1 << 40) if isinstance(part, str) else part
        key = _mix((key + _GOLDEN + number) & _MASK)
    return key


def _hash(key: int, slots: Tensor, count: int) -> Tensor:
    """Compute (len(slots), count) int64 hashes; row s depends on the key and slots[s] alone."""
    rows = _mix_tensor(slots * _signed(_GOLDEN) + _signed(key))
    steps = torch.arange(1, count + 1, device=slots.device) * _signed(_GOLDEN)
    return _mix_tensor(rows[:, None] + steps[None, :])


def permutation(key: int, size: int) -> Tensor:
    """Return a random order of ``range(size)``, int64, on the CPU."""
    return torch.argsort(_hash(key, torch.arange(size), 1)[:, 0], stable=True)


class Draws(NamedTuple):
    """The random numbers of one view of one batch: a row for each slot of the *global* batch that this process holds.

    A process that holds slots 4..7 draws exactly the rows that one process holding slots 0..7 draws there.
    """

    key: int
    slots: Tensor
    """(B,) int64: positions in the global batch."""

    def fork(self, name: str | int) -> "Draws":
        """Return independent draws for a part of the work, so that a further draw here changes no other draw."""
        return Draws(key_of(self.key, name), self.slots)

    def take(self, rows: Tensor) -> "Draws":
        """Return the draws of some rows of the batch."""
        return Draws(self.key, self.slots[rows])

    def uniform(self, count: int) -> Tensor:
        """Draw (B, count) float32 numbers, uniform in [0, 1)."""
        bits = (_hash(self.key, self.slots, count) >> 40) & ((1 << 24) - 1)
        return bits.to(torch.float32) / (1 << 24)

    def integers(self, high: int, count: int = 1) -> Tensor:
        """Draw (B, count) int64 numbers, uniform in [0, high)."""
        return (self.uniform(count).to(torch.float64) * high).to(torch.int64)

    def normal(self, count: int) -> Tensor:
        """Draw (B, count) float32 numbers from N(0, 1) with the Box-Muller transform."""
        first, second = self.fork("radius").uniform(count), self.fork("angle").uniform(count)
        return torch.sqrt(-2 * torch.log1p(-first)) * torch.cos(2 * torch.pi * second)
