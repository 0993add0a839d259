"""Ranges of numeric hyper-parameters, declared next to their defaults."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``least`` to ``most`` (included) and between ``above`` and ``below`` (excluded)."""

    least: float = -inf
    most: float = inf
    above: float = -inf
    below: float = inf
    whole: bool = False
    """Whether the advice asks for a whole number; the type of the value is checked elsewhere."""

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most and self.above < value < self.below  # false for nan and infinities

    def __str__(self) -> str:
        """Describe the range, e.g. ``from 0 to below 1``; empty if every finite number is allowed."""
        low = f"from {self.least}" * (self.least > -inf) or f"above {self.above}" * (self.above > -inf)
        high = f"to {self.most}" * (self.most < inf) or f"to below {self.below}" * (self.below < inf)
        return f"{low} {high}".strip()

    @property
    def advice(self) -> str:
        """Say what to give, e.g. ``a value from 0 to below 1``, ``0 or a value above`` or ``a whole number from 1``."""
        if not self.whole and self == Range(least=self.least) != Range():
            return f"{self.least} or a value above"
        return f"{'a whole number' if self.whole else 'a value'} {str(self) or 'that is finite'}"
