"""labels.csv: every image's label and where it came from."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import SPLITS, UNLABELLED, Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.errors import UserError
from fewlabels.training.files import write_text

COLUMNS = ("path", "split", "given", "label", "confidence", "accepted")
LEFT_OUT = "left out"
"""In the column ``split``: a faulty image that ``--skip-bad`` went on without."""


@dataclass(frozen=True)
class Predictions:
    """What the evaluated model says of every image of the data set."""

    probabilities: Tensor
    """(N, K) float32."""
    accepted: Tensor
    """(N,) bool: would the method trust this prediction as a label?"""


def given_labels(dataset: Dataset, split: LabelSplit) -> np.ndarray:
    """(N,) int64: the labels that training saw, UNLABELLED for all others, the hidden and the test ones included."""
    given = np.full(len(dataset), UNLABELLED)
    given[split.labelled] = dataset.labels[split.labelled]
    return given


def split_names(dataset: Dataset, split: LabelSplit) -> list[str]:
    """The split of each image as this run uses it: a validation part may have been taken from the training images."""
    names = [SPLITS[s] for s in dataset.splits]
    for row in split.val:
        names[row] = "val"
    return names


def ledger(dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> str:
    """The ledger as CSV text, a row per image in the data set's order, then the images that were left out.

    ``given`` is the label that training saw. ``label`` is the given one where there is one, else the model's, and
    ``confidence`` the model's probability for it. ``accepted`` is 1 where the label was given or the method trusts it.
    Before training (``predictions`` None) only what was given is filled in: it is the saved split.
    """
    given, names = given_labels(dataset, split), split_names(dataset, split)
    known = [dataset.classes[k] if k != UNLABELLED else "" for k in given]
    said = (
        [(name, "", 1 if name else "") for name in known] if predictions is None else _said(dataset, given, predictions)
    )
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for path, part, mine, (label, confidence, accepted) in zip(dataset.paths, names, known, said, strict=True):
        writer.writerow([path, part, mine, label, confidence, accepted])
    writer.writerows([path, LEFT_OUT, "", "", "", ""] for path in dataset.left_out)
    return text.getvalue()


def _said(dataset: Dataset, given: np.ndarray, predictions: Predictions) -> list[tuple[str, str, int]]:
    """Label, confidence and acceptance of every image."""
    known = torch.from_numpy(given) != UNLABELLED
    label = torch.where(known, torch.from_numpy(given), predictions.probabilities.argmax(1))
    confidence = predictions.probabilities.gather(1, label[:, None])[:, 0]
    accepted = known | predictions.accepted
    rows = zip(label.tolist(), confidence.tolist(), accepted.tolist(), strict=True)
    return [(dataset.classes[k], f"{p:.6f}", int(yes)) for k, p, yes in rows]


def write_ledger(file: Path, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> None:
    """Write the ledger, whole or not at all."""
    write_text(file, ledger(dataset, split, predictions))


def read_ledger(file: Path) -> list[dict[str, str]]:
    """The rows of a ledger.

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
    if header != COLUMNS or any(None in row.values() or None in row for row in rows):
        raise UserError(f"{file} is not a ledger (columns {', '.join(COLUMNS)}); train the run again")
    return rows


def check_same_split(file: Path, dataset: Dataset, split: LabelSplit) -> None:
    """Refuse to resume a run whose images or labels are no longer those it began with."""
    given, names = given_labels(dataset, split), split_names(dataset, split)
    now = [
        (path, name, dataset.classes[k] if k != UNLABELLED else "")
        for path, name, k in zip(dataset.paths, names, given, strict=True)
    ] + [(path, LEFT_OUT, "") for path in dataset.left_out]
    then = [(row["path"], row["split"], row["given"]) for row in read_ledger(file)]
    if now != then:
        changed = next((a[0] for a, b in zip(now, then, strict=False) if a != b), "their number")
        raise UserError(
            f"the images or labels changed since the run began (first: {changed}); train anew with another --out"
        )
