"""What ``--method auto`` is told about a run."""

from collections.abc import Callable
from dataclasses import dataclass

from fewlabels.training.experiment import Experiment


@dataclass(frozen=True)
class AutoRequest:
    """The facts that the choice of a method depends on."""

    small: bool
    """The images are small, so networks start from random weights."""
    trained: bool
    """Whole networks are to be trained: the images are small, or the user gave ``--steps`` or ``--no-freeze``."""
    seed: int
    prepare: Callable[[str], Experiment]
    """Builds the pieces of a run with a method of that name."""
    say: Callable[[str], None]
    """Receives one line of text at a time."""
