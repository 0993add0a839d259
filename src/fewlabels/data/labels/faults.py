"""What is wrong with somebody's data, each thing in one line."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fewlabels.errors import UserError


def one_line(text: str) -> str:
    """Escape line breaks and bytes that are no text, which file names may hold, so that it prints anywhere."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True)
class Fault:
    """One thing that must be mended before training."""

    where: str
    """A file, or ``labels.csv row 17``."""
    what: str
    mend: str
    leave_out: tuple[str, ...] = ()
    """Paths of the images that ``--skip-bad`` does without."""
    fatal: bool = False
    """Nothing can be left out to get around it."""

    def __str__(self) -> str:
        return one_line(f"{self.where}: {self.what}; {self.mend}")


@dataclass(frozen=True)
class Note:
    """Something to know that does not stop anything."""

    kind: str
    """Notes of one kind are shortened together; "" is never shortened."""
    text: str

    def __str__(self) -> str:
        return one_line(self.text)


def shortened(notes: Sequence[Note], most: int = 3) -> tuple[str, ...]:
    """The notes as lines, at most ``most`` of each kind and then how many more there are."""
    lines: list[str] = []
    for kind in dict.fromkeys(note.kind for note in notes):
        same = [str(note) for note in notes if note.kind == kind]
        keep = len(same) if not kind else most
        lines += same[:keep]
        if same[keep:]:
            lines.append(f"{len(same) - keep} more like the line before (`fewlabels check` lists all)")
    return tuple(lines)


class DataFaults(UserError):
    """Faults were found in the data; the message is the first of them and the number of the others."""

    def __init__(self, faults: Sequence[Fault], *data: str | Path) -> None:
        """``data`` are the words that ``fewlabels check`` needs to find the same data."""
        assert faults
        self.faults = tuple(faults)
        first = next((fault for fault in faults if fault.fatal), faults[0])
        more = len(faults) - 1
        command = f"`fewlabels check {shlex.join(map(str, data))}`"
        super().__init__(f"{first} (and {more} more; {command} lists all)" if more else str(first))
