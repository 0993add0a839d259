"""What a cell of a CSV of marks may say, and how two rows may disagree."""

from pathlib import Path

from fewlabels.data.dataset import ABSENT, PRESENT, UNKNOWN
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.labels.marks import Marks

WIDE, LONG = "path and a column for each class", "path,label,present"
"""What the first line of the file must name."""
MARKS = {"1": PRESENT, "0": ABSENT, "-1": UNKNOWN, "": UNKNOWN}
MARKS |= {f"{number}.0": mark for number, mark in MARKS.items() if number}  # as pandas writes a column with gaps
WORDS = {PRESENT: "present", ABSENT: "absent", UNKNOWN: "unknown"}
MEND = "write 1 for present, 0 for absent, nothing or -1 for unknown"


def note_unused(file: Path, unused: list[str], marks: Marks) -> None:
    """Say which columns have no meaning here."""
    if shown := ", ".join(repr(name) for name in unused if name):
        marks.notes.append(Note("", f"{file.name}: not used: column {shown}"))


def contradicts(where: str, path: str, now: str, before: str, there: str, marks: Marks) -> None:
    """Two rows say different things of one image."""
    what = f"'{path}' is {now} here but {before} in {there}"
    marks.faults.append(Fault(where, what, "delete one of the rows", leave_out=(path,)))


def repeats(where: str, path: str, there: str, marks: Marks) -> None:
    """Two rows say the same."""
    marks.notes.append(Note("a repeated row", f"{where}: '{path}' is already in {there}"))
