"""Weights that grow during a run, as functions of its progress from 0 to 1."""

from math import exp


def linear_ramp(progress: float, length: float) -> float:
    """From 0 at the start to 1 when the share ``length`` of the run is done; 1 at once where length is 0."""
    return 1.0 if length <= 0 else min(progress / length, 1.0)


def sigmoid_ramp(progress: float, length: float) -> float:
    """exp(-5 (1 - t)^2) with t = progress / length, 1 from there on (Laine and Aila, 2017): from 0.0067 to 1."""
    return 1.0 if length <= 0 else exp(-5 * (1 - min(progress / length, 1.0)) ** 2)
