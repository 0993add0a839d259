"""Time the forward and backward pass of a network in several number formats and memory layouts."""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy

import torch

from fewlabels.models.classifier import Classifier
from fewlabels.models.precision import Precision

LIMIT = 10.0
"""Seconds that all passes together may take; a pass is begun only where it is expected to end in time."""
ENOUGH = 1.0
"""Seconds after which no further repeats are made."""
REPEATS = 3
"""Timed passes of each candidate, at least, after one that warms up; the shortest counts."""
FEWEST = 2
"""Images in the first, cheap passes. Batch normalisation needs more than one."""
HOPELESS = 3.0
"""A candidate that takes this many times as long as the fastest one over few images is not timed any further."""

Pass = Callable[[Precision, int], float]
"""Seconds of one forward and backward pass with a candidate over a number of images."""


def measure(time_pass: Pass, candidates: Sequence[Precision], images: int) -> dict[Precision, float]:
    """Time the candidates in turns, so that a drift in the machine's speed affects all of them alike.

    Two cheap turns over few images come first: the first compiles kernels, the second finds hopeless candidates and how
    many images there is time for. Where the time runs out, the last complete turn counts.

    Args:
        time_pass: makes one pass. A candidate for which it raises RuntimeError is left out.
        candidates: at least one.
        images: how many to time a pass with, if there is time.

    Returns:
        Seconds per image of each candidate that was timed; empty where all of them failed.
    """
    race = _Race(time_pass)
    times = race.turn(candidates, FEWEST)
    second = race.turn(list(times), FEWEST)
    if len(second) < len(times) or not times:
        return times
    limit = HOPELESS * min(second.values())
    left = [candidate for candidate, seconds in second.items() if seconds <= limit]
    if len(left) == 1:
        return second
    affordable = (LIMIT - race.spent) / ((1 + REPEATS) * sum(second[candidate] for candidate in left))
    count = max(FEWEST, min(images, int(affordable)))
    turns: list[dict[Precision, float]] = []
    while len(turns) <= REPEATS or race.spent < ENOUGH:
        turn = race.turn(left, count)
        if len(turn) < len(left):
            break
        turns.append(turn)
    return second | {candidate: min(turn[candidate] for turn in turns) for candidate in left if turns}


class _Race:
    """The passes made so far: the time they took, and what the next one is expected to take."""

    def __init__(self, time_pass: Pass) -> None:
        self.time_pass = time_pass
        self.spent = 0.0
        self.last: dict[Precision, float] = {}

    def turn(self, candidates: Sequence[Precision], count: int) -> dict[Precision, float]:
        """Time one pass of each candidate; return seconds per image of those that worked in the time that was left."""
        times: dict[Precision, float] = {}
        for candidate in candidates:
            if self.spent + count * self.last.get(candidate, 0.0) > LIMIT:
                break
            try:
                seconds = self.time_pass(candidate, count)
            except RuntimeError:  # an operation of this network does not exist in this format, or memory is short
                continue
            self.spent += seconds
            times[candidate] = self.last[candidate] = seconds / count
        return times


def passes(model: Classifier, shape: tuple[int, int, int]) -> Pass:
    """Return a function that times one pass of a copy of the model over random images of ``shape`` (C, H, W).

    Nothing of the model, its batch statistics or torch's random state changes.
    """
    device = next(model.parameters()).device
    draws = torch.Generator().manual_seed(0)
    copies: dict[torch.memory_format, Classifier] = {}

    def time_pass(candidate: Precision, count: int) -> float:
        layout = torch.channels_last if candidate.channels_last else torch.contiguous_format
        if layout not in copies:
            copies[layout] = deepcopy(model).to(memory_format=layout)  # pyright: ignore[reportCallIssue]
        network = copies[layout]
        images = torch.randn(count, *shape, generator=draws).to(device, memory_format=layout)
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            _synchronize(device)
            begin = time.perf_counter()
            with torch.autocast(device.type, torch.bfloat16, enabled=candidate.name == "bf16"):
                logits = network(images)
            logits.float().square().mean().backward()
            _synchronize(device)
            seconds = time.perf_counter() - begin
        network.zero_grad(set_to_none=True)
        return seconds

    return time_pass


def _synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
