"""Quantities that depend on the length of a run: weights that ramp up with its progress, and momentum of averages."""

from math import exp


def linear_ramp(progress: float, length: float) -> float:
    """Rise linearly from 0 at the start to 1 when the share ``length`` of the run is done; always 1 if length is 0."""
    return 1.0 if length <= 0 else min(progress / length, 1.0)


def sigmoid_ramp(progress: float, length: float) -> float:
    """Rise as exp(-5 (1 - t)^2) with t = progress / length, from 0.0067 to 1 (Laine and Aila, 2017).

    Always 1 if length is 0.
    """
    return 1.0 if length <= 0 else exp(-5 * (1 - min(progress / length, 1.0)) ** 2)


AVERAGING_SHARE = 0.1
"""Largest averaging window as a share of the run: that of PEPL, 1000 of its 10,800 steps."""


def shortened_momentum(momentum: float, steps: int) -> float:
    """Reduce the momentum if its averaging window, 1 / (1 - momentum) steps, exceeds a tenth of the run.

    The 0.999 of the papers is meant for 10,000 steps and more. In a run of 1500 steps such an average never catches up
    with the model: thresholds stay far below its confidence, and nearly all pseudo-labels are kept.
    """
    return max(0.0, min(momentum, 1 - 1 / max(1.0, AVERAGING_SHARE * steps)))
