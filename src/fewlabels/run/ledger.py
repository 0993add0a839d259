"""The ledger, labels.csv: the label of every image and where it came from."""

import csv
import io
from pathlib import Path

from fewlabels.data.dataset import Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.errors import UserError
from fewlabels.evaluation.outcome import Predictions
from fewlabels.files import write_text
from fewlabels.methods.catalogue import task_names
from fewlabels.tasks.task import Task, load_task

LEFT_OUT = "left out"
"""Value of the column ``split`` for a faulty image that ``--skip-bad`` left out."""
FOUND = ("label", "confidence", "accepted", "x0", "y0", "x1", "y1")
"""Columns that training fills in; the other columns are the saved split."""


def ledger(task: Task, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> str:
    """Return the ledger as CSV text: the images in the order of the data set, then those that were left out.

    ``given`` is the label that training saw. ``label`` is the given one where there is one, else the model's, and
    ``confidence`` the model's probability for it. ``accepted`` is 1 where the label was given or the method trusts it.
    Before training (``predictions`` None) only given labels are filled in: this is the saved split.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(task.columns)
    writer.writerows(task.ledger(dataset, split, predictions))
    writer.writerows([path, LEFT_OUT, *[""] * (len(task.columns) - 2)] for path in dataset.left_out)
    return text.getvalue()


def write_ledger(file: Path, task: Task, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> None:
    """Write the ledger atomically."""
    write_text(file, ledger(task, dataset, split, predictions))


def read_ledger(file: Path) -> list[dict[str, str]]:
    """Read the rows of a ledger of any task.

    Raises:
        UserError: where the file is missing or is not a ledger.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            reader = csv.DictReader(lines)
            header = tuple(reader.fieldnames or ())
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise UserError(f"{file} is missing or can't be read; train the run again") from None
    known = [load_task(name).columns for name in task_names()]
    if header not in known or any(None in row.values() or None in row for row in rows):
        raise UserError(f"{file} is not a ledger (columns {', '.join(known[0])}); train the run again")
    return rows


def check_same_split(file: Path, task: Task, dataset: Dataset, split: LabelSplit) -> None:
    """Refuse to resume a run whose images or labels have changed since it began."""
    saved = [name for name in task.columns if name not in FOUND]
    now, then = (
        [tuple(row.get(name) for name in saved) for row in rows]
        for rows in (
            csv.DictReader(io.StringIO(ledger(task, dataset, split, None))),
            read_ledger(file),
        )
    )
    if now != then:
        changed = next((a[0] for a, b in zip(now, then, strict=False) if a != b), "their number")
        raise UserError(
            f"the images or labels changed since the run began (first: {changed}); start a new run with another --out"
        )
