"""Weights that grow during a run, as functions of its progress from 0 to 1."""


def linear_ramp(progress: float, length: float) -> float:
    """From 0 at the start to 1 when the share ``length`` of the run is done; 1 at once where length is 0."""
    return 1.0 if length <= 0 else min(progress / length, 1.0)
