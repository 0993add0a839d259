"""How long the rest of a run will take."""

import time
from copy import deepcopy

import torch

from fewlabels.methods.method import Batch
from fewlabels.training.loop import Trainer


def estimate_seconds(trainer: Trainer, fresh_steps: int | None = None) -> float | None:
    """From steps of a throw-away copy of the method; None where the run has fewer than two left.

    Args:
        trainer: before its run.
        fresh_steps: so many steps are like one whose views were never seen, all others like one whose views are
            remembered; None: all are like the former. What a last round does differently is timed by itself.
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
    seconds(next(batches))  # the first is slower than any other
    batch = next(batches)
    fresh = seconds(batch)
    if fresh_steps is None:
        return 1.1 * fresh * rest
    rounds, again = trainer.feed.rounds, min(fresh, seconds(batch))
    last = rounds.count - 1
    late = trainer.feed.steps - max(trainer.step, rounds.first(last)) if last else 0
    early = rest - late
    anew = min(early, fresh_steps * trainer.fabric.world_size)  # each process remembers what it saw itself
    refining = late * seconds(batch._replace(round=last)) if late else 0.0
    return 1.1 * (again * early + (fresh - again) * anew + refining)
