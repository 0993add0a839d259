"""The parts that a run's steps are divided into, for methods that look at the whole pool between them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Rounds:
    """``count`` rounds of about equal length over ``steps`` steps; never more rounds than steps."""

    count: int
    steps: int

    @classmethod
    def of(cls, asked: int, steps: int) -> "Rounds":
        """As many as asked, if there are as many steps."""
        return cls(max(1, min(asked, steps)), steps)

    def first(self, number: int) -> int:
        """The first step of a round; of the one after the last, the number of steps."""
        return -(-number * self.steps // self.count)

    def at(self, step: int) -> int:
        """The round that a step belongs to."""
        return min(step * self.count // max(1, self.steps), self.count - 1)

    def begins(self, step: int) -> bool:
        """Is this step the first of its round?"""
        return step == self.first(self.at(step))
