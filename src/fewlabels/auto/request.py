"""What ``--method auto`` is told about a run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fewlabels.training.experiment import Experiment


class Tried(NamedTuple):
    """What candidates are tried on."""

    experiment: Experiment
    hurried: bool
    """Only heads that take next to no time may be tried, because of ``--time``."""


@dataclass(frozen=True)
class AutoRequest:
    """The facts that the choice of a method depends on."""

    small: bool
    """The images are small."""
    grey: bool
    """No image has colour."""
    trained: bool
    """The user asks for whole networks to be trained: by ``--steps``, ``--no-freeze`` or ``--weights none``."""
    seed: int
    prepare: Callable[[str], Tried]
    """Builds the pieces of a run with a method of that name, on images of a size that fits in the time."""
    say: Callable[[str], None]
    """Receives one line of text at a time."""
