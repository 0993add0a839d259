"""What is wrong or remarkable in a user's data, each in one line."""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabels.errors import UserError


def one_line(text: str) -> str:
    """Escape line breaks and undecodable bytes, which file names may contain, so that the text prints anywhere."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True)
class Fault:
    """One thing that must be fixed before training."""

    where: str
    """A file, or ``labels.csv row 17``."""
    what: str
    remedy: str
    leave_out: tuple[str, ...] = ()
    """Paths of the images that ``--skip-bad`` leaves out."""
    fatal: bool = False
    """True where leaving out images does not help, as with a wrong header."""

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.what}; {self.remedy}")


@dataclass(frozen=True)
class Note:
    """Something the user should know that does not stop a run."""

    kind: str
    """Notes of one kind are shortened together; notes of kind "" are never shortened."""
    text: str

    def __str__(self) -> str:
        return one_line(self.text)


def any_fatal(faults: Iterable[Fault]) -> bool:
    """Return whether any fault is fatal."""
    return any(fault.fatal for fault in faults)


def left_out(faults: Iterable[Fault]) -> frozenset[str]:
    """Return the paths of all images that the faults leave out."""
    return frozenset(path for fault in faults for path in fault.leave_out)


def shortened(notes: Sequence[Note], most: int = 3) -> tuple[str, ...]:
    """Return the notes as lines: at most ``most`` of each kind, then the number of the others."""
    lines: list[str] = []
    for kind in dict.fromkeys(note.kind for note in notes):
        same = [str(note) for note in notes if note.kind == kind]
        keep = len(same) if not kind else most
        lines += same[:keep]
        if same[keep:]:
            lines.append(f"{len(same) - keep} more like the line before (`fewlabels check` lists all)")
    return tuple(lines)


class DataFaults(UserError):
    """Faults were found in the data. The message is the first fault and the number of the others."""

    def __init__(self, faults: Sequence[Fault], *data: str | Path) -> None:
        """Args:
        faults: at least one.
        data: the arguments with which ``fewlabels check`` finds the same data.
        """
        assert faults
        self.faults = tuple(faults)
        first = next((fault for fault in faults if fault.fatal), faults[0])
        more = len(faults) - 1
        command = f"`fewlabels check {shlex.join(map(str, data))}`"
        super().__init__(f"{first} (and {more} more; {command} lists all)" if more else str(first))
