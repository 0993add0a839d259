"""What a number may be, declared where the number is."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Range:
    """The finite numbers from ``least`` to ``most``, both included, between ``above`` and ``below``, both left out."""

    least: float = -inf
    most: float = inf
    above: float = -inf
    below: float = inf
    whole: bool = False
    """Said in the advice; that the number is whole is its type's to see to."""

    def __contains__(self, value: float) -> bool:
        return self.least <= value <= self.most and self.above < value < self.below  # false of nan and the infinities

    def __str__(self) -> str:
        """E.g. ``from 0 to below 1``; empty where every finite number will do."""
        low = f"from {self.least}" * (self.least > -inf) or f"above {self.above}" * (self.above > -inf)
        high = f"to {self.most}" * (self.most < inf) or f"to below {self.below}" * (self.below < inf)
        return f"{low} {high}".strip()

    @property
    def advice(self) -> str:
        """What to give, e.g. ``a value from 0 to below 1``, ``0 or a value above`` or ``a whole number from 1``."""
        if not self.whole and self == Range(least=self.least) != Range():
            return f"{self.least} or a value above"
        return f"{'a whole number' if self.whole else 'a value'} {str(self) or 'that is finite'}"
