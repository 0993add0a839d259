"""Estimate how long the rest of a run takes."""

import time
from copy import deepcopy

import torch

from fewlabels.methods.method import Batch
from fewlabels.training.loop import Trainer


def estimate_seconds(trainer: Trainer, fresh_steps: int | None = None) -> float | None:
    """Estimate the seconds from steps of a copy of the method; None where fewer than two steps are left.

    Args:
        trainer: before its run.
        fresh_steps: number of steps whose views the trunk has not seen; the views of all other steps are cached. None:
            nothing is cached. The last round is timed by itself, because a method may do more in it.
    """
    rest = trainer.feed.steps - trainer.step
    if rest < 2:
        return None
    method = deepcopy(trainer.method)

    def seconds(batch: Batch) -> float:
        begin = time.monotonic()
        with trainer.fabric.autocast():
            terms = method(batch).terms
        torch.stack(list(terms.values())).sum().backward()
        return time.monotonic() - begin

    batches = trainer.feed.batches(trainer.step)
    seconds(next(batches))  # the first step is slower than any other
    batch = next(batches)
    fresh = seconds(batch)
    if fresh_steps is None:
        return 1.1 * fresh * rest
    rounds, again = trainer.feed.rounds, min(fresh, seconds(batch))
    last = rounds.count - 1
    late = trainer.feed.steps - max(trainer.step, rounds.first(last)) if last else 0
    early = rest - late
    new = min(early, fresh_steps * trainer.fabric.world_size)  # each process caches what it has seen itself
    refining = late * seconds(batch._replace(round=last)) if late else 0.0
    return 1.1 * (again * early + (fresh - again) * new + refining)
