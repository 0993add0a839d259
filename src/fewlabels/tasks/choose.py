"""Which task a run is for, from what was asked; without torch, so that a contradiction is answered at once."""

from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import method_file, tasks_of
from fewlabels.options import TrainOptions

ONLY = {
    "known_proportion": ("multilabel",), "num_labels": ("classify", "localize"),
    "label_fraction": ("classify", "localize"), "pool": ("classify", "localize"), "labelled_from": ("classify",),
    "boxes": ("localize",),
}  # fmt: skip
"""Options that some tasks alone know."""


def choose_task(options: TrainOptions) -> str:
    """The task that was named; else the only one that has the method; else what the data are.

    Raises:
        UserError: where there is no such method in that task, or an option is another task's.
    """
    task = options.task or _guess(options)
    method_file(options.method, task)
    for name, owners in ONLY.items():
        if getattr(options, name) != getattr(TrainOptions, name) and task not in owners:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} is for --task {' or '.join(owners)}, and this is {task}; leave it out")
    return task


def _guess(options: TrainOptions) -> str:
    """The first task is what a method of several tasks is for, unless the data say otherwise."""
    possible = tasks_of(options.method)
    if len(possible) == 1 or "multilabel" not in possible:
        return possible[0]
    marked = options.known_proportion is not None or has_marks(Path(options.data), options.labels)
    return "multilabel" if marked else possible[0]


def has_marks(data: Path, labels: str | None) -> bool:
    """Do the data, a folder or the name of a known data set, have several labels per image, without a doubt?"""
    from fewlabels.data.known.multi_label import KNOWN_MARKS_NAMES
    from fewlabels.data.known.single_label import KNOWN_NAMES
    from fewlabels.data.labels.marks_csv import is_marks_csv

    csv = Path(labels) if labels else data / "labels.csv"
    name = data.as_posix().lower()
    known = name in KNOWN_MARKS_NAMES and name not in KNOWN_NAMES and not data.exists()
    return known or (csv.is_file() and is_marks_csv(csv))
