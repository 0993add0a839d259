"""What depends on how long a run is: weights that grow with its progress from 0 to 1, and the memory of averages."""

from math import exp


def linear_ramp(progress: float, length: float) -> float:
    """From 0 at the start to 1 when the share ``length`` of the run is done; 1 at once where length is 0."""
    return 1.0 if length <= 0 else min(progress / length, 1.0)


def sigmoid_ramp(progress: float, length: float) -> float:
    """exp(-5 (1 - t)^2) with t = progress / length, 1 from there on (Laine and Aila, 2017): from 0.0067 to 1."""
    return 1.0 if length <= 0 else exp(-5 * (1 - min(progress / length, 1.0)) ** 2)


MEMORY = 0.1
"""Largest share of a run that an average of the predictions may remember: PEPL's own, 1000 of its 10,800 steps."""


def shortened(momentum: float, steps: int) -> float:
    """The momentum, or less where its memory, 1 / (1 - momentum) steps, would be more than a tenth of the run.

    Papers' 0.999 is meant for 10,000 steps and more. In a run of 1500 such an average never catches up with the
    model: thresholds stay far below its confidence, and nearly every pseudo-label is kept.
    """
    return max(0.0, min(momentum, 1 - 1 / max(1.0, MEMORY * steps)))
