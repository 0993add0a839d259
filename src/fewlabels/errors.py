"""Errors for people: one sentence that says what is wrong, where, and what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Wrong input. The command line prints the message on one line and exits with code 2."""


class NoWeights(UserError):
    """Pretrained weights are not on this machine and can't be downloaded."""


class Interrupted(Exception):
    """Raised after SIGTERM or Ctrl-C, when the state is saved and ``--resume`` can continue."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name was probably meant, or list the valid ones when none is close."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"valid are: {', '.join(names)}" if len(names) <= 20 else f"there are {len(names)} valid names"
