"""Rounds: equal parts of a run, for methods that look at the whole pool between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rounds:
    """``count`` rounds of about equal length over ``steps`` steps; never more rounds than steps."""

    count: int
    steps: int

    @classmethod
    def of(cls, asked: int, steps: int) -> "Rounds":
        """Make the requested number of rounds, at most one per step."""
        return cls(max(1, min(asked, steps)), steps)

    def first(self, number: int) -> int:
        """Return the first step of a round; for the round after the last, the number of steps."""
        return -(-number * self.steps // self.count)

    def at(self, step: int) -> int:
        """Return the round that a step belongs to."""
        return min(step * self.count // max(1, self.steps), self.count - 1)

    def begins(self, step: int) -> bool:
        """Return whether this step is the first of its round."""
        return step == self.first(self.at(step))
