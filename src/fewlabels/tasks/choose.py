"""Choose the task of a run from its options, without importing torch."""

from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import TASKS, check_method, check_task, tasks_of
from fewlabels.options import TrainOptions

ONLY = {
    "known_proportion": ("multilabel",), "num_labels": ("classify", "localize"),
    "label_fraction": ("classify", "localize"), "pool": ("classify", "localize"), "labelled_from": ("classify",),
    "boxes": ("localize",),
}  # fmt: skip
"""Options that only these tasks of this package have; a task of another package may use any."""


def choose_task(options: TrainOptions) -> str:
    """Return the task of ``--task``; else the only task of the method; else what the data suggest.

    Raises:
        UserError: the task has no such method, or an option belongs to another task.
    """
    task = options.task or _guess(options)
    check_task(task)
    check_method(options.method, task)
    for name, owners in ONLY.items():
        given = getattr(options, name) != getattr(TrainOptions, name)
        if given and task in TASKS and task not in owners:
            flag = "--" + name.replace("_", "-")
            raise UserError(f"{flag} is for --task {' or '.join(owners)}, and this is {task}; leave it out")
    return task


def _guess(options: TrainOptions) -> str:
    """Return the first task of the method; ``multilabel`` or ``localize`` where marks or ``--boxes`` ask for it."""
    possible = tasks_of(options.method)
    if options.boxes is not None and "localize" in possible:
        return "localize"
    if len(possible) == 1 or "multilabel" not in possible:
        return possible[0]
    marked = options.known_proportion is not None or has_marks(Path(options.data), options.labels)
    return "multilabel" if marked else possible[0]


def has_marks(data: Path, labels: str | None) -> bool:
    """Return whether the data, a folder or a known data set, clearly have several labels per image."""
    from fewlabels.data.known.catalogue import known_names
    from fewlabels.data.labels.classes import CLASSES
    from fewlabels.data.labels.marks import MARKS
    from fewlabels.data.labels.marks_csv import is_marks_csv

    csv = Path(labels) if labels else data / "labels.csv"
    name = data.as_posix().lower()
    known = name in known_names(MARKS) and name not in known_names(CLASSES) and not data.exists()
    return known or (csv.is_file() and is_marks_csv(csv))
