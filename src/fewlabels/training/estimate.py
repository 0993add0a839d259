"""How long the rest of a run will take."""

import time
from copy import deepcopy

import torch

from fewlabels.methods.method import Batch
from fewlabels.training.loop import Trainer


def estimate_seconds(trainer: Trainer) -> float | None:
    """From the second of two steps of a throw-away copy of the method; None where there are fewer than two steps."""
    rest = trainer.feed.steps - trainer.step
    if rest < 2:
        return None
    method = deepcopy(trainer.method)
    batches = trainer.feed.batches(trainer.step)

    def step(batch: Batch) -> None:
        with trainer.fabric.autocast():
            terms = method(batch).terms
        torch.stack(list(terms.values())).sum().backward()

    step(next(batches))
    begin = time.monotonic()
    step(next(batches))
    return 1.1 * (time.monotonic() - begin) * rest
