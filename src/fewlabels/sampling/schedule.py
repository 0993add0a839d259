"""Which images make up step t: a function of the seed and the step, whoever asks and in whatever order."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.randomness import key_of, permutation


class Rows(NamedTuple):
    """The part of one global batch that one process holds."""

    rows: Tensor
    """(b,) int64 rows of the data set."""
    slots: Tensor
    """(b,) int64 positions in the global batch: what views are keyed by."""


class Stream:
    """An endless stream over some rows: each epoch is a new order of all of them, none is left out.

    Position p of the stream is image ``order(epoch)[p % N]`` with ``epoch = p // N``; step t takes the positions from
    t * batch on. A batch larger than the number of rows takes some rows several times, in different slots.
    """

    def __init__(self, rows: Tensor, batch: int, seed: int, name: str, rank: int = 0, world: int = 1) -> None:
        self.rows, self.batch, self.seed, self.name = rows, batch, seed, name
        share = batch // world
        self.slots = torch.arange(rank * share, (rank + 1) * share)
        self._order = lru_cache(maxsize=4)(self._draw_order)

    def _draw_order(self, epoch: int) -> Tensor:
        return permutation(key_of(self.seed, self.name, "order", epoch), len(self.rows))

    def at(self, step: int) -> Rows:
        """The rows and slots of step ``step`` that this process holds."""
        places = step * self.batch + self.slots
        epochs = places // len(self.rows)
        within = places % len(self.rows)
        chosen = torch.empty_like(places)
        for epoch in epochs.unique().tolist():
            here = epochs == epoch
            chosen[here] = self._order(epoch)[within[here]]
        return Rows(self.rows[chosen], self.slots)
