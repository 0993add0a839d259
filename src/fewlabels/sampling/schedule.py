"""The images of each step, as a function of seed and step that does not depend on the order of calls."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.randomness import key_of, permutation


class Rows(NamedTuple):
    """The part of a global batch that belongs to one process."""

    rows: Tensor
    """(b,) int64 rows of the data set."""
    slots: Tensor
    """(b,) int64 positions in the global batch, the keys of the views."""


class Stream:
    """An endless stream of rows; each epoch has all rows in a new order.

    Position p of the stream is image ``order(epoch)[p % N]`` with ``epoch = p // N``; step t uses the positions from
    t * batch on. A batch larger than the number of rows has some rows several times, in different slots.

    Args:
        rows: (N,) int64 rows of the data set.
        batch: size of the global batch, a multiple of ``world``.
        seed: of the run.
        name: of the stream; streams with different names have different orders.
        rank: of this process.
        world: number of processes.
    """

    def __init__(self, rows: Tensor, batch: int, seed: int, name: str, rank: int = 0, world: int = 1) -> None:
        self.rows, self.batch, self.seed, self.name = rows, batch, seed, name
        share = batch // world
        self.slots = torch.arange(rank * share, (rank + 1) * share)
        self._order = lru_cache(maxsize=4)(self._draw_order)

    def _draw_order(self, epoch: int) -> Tensor:
        return permutation(key_of(self.seed, self.name, "order", epoch), len(self.rows))

    def at(self, step: int) -> Rows:
        """Return the rows and slots of this process at a step."""
        positions = step * self.batch + self.slots
        epochs = positions // len(self.rows)
        within = positions % len(self.rows)
        chosen = torch.empty_like(positions)
        for epoch in epochs.unique().tolist():
            current = epochs == epoch
            chosen[current] = self._order(epoch)[within[current]]
        return Rows(self.rows[chosen], self.slots)
