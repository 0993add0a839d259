"""What is known of every class in every image, and what is odd about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, SPLITS, TEST, TRAIN, UNKNOWN, VAL
from fewlabels.data.labels.faults import Fault, Note


class Marked(NamedTuple):
    """What the data says of one image."""

    marks: np.ndarray
    """(K,) int8: PRESENT, ABSENT or UNKNOWN."""
    split: int
    where: str
    """Where it says so: ``labels.csv row 17``."""


@dataclass
class Marks:
    """What the data says of the images, by path; an image that is not named is a training image, all unknown."""

    classes: tuple[str, ...] = ()
    given: dict[str, Marked] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def two_marks(classes: Sequence[str], given: Mapping[str, Marked], paths: list[str]) -> tuple[str, str] | None:
    """The first of two images of the same bytes of which a class is marked present and absent, and what is wrong."""
    told = [path for path in paths if path in given]
    if not told:
        return None
    marks = np.stack([given[path].marks for path in told])
    both = (marks == PRESENT).any(0) & (marks == ABSENT).any(0)
    if not both.any():
        return None
    k = int(both.argmax())
    present, absent = (told[int((marks[:, k] == mark).argmax())] for mark in (PRESENT, ABSENT))
    return present, f"the same bytes as '{absent}', but with class '{classes[k]}' and that without"


def odd_marks(classes: Sequence[str], paths: Sequence[str], marks: np.ndarray, splits: np.ndarray) -> list[Note]:
    """Images and classes of which too little is known; they stop nothing.

    Args:
        classes: K names.
        paths: N names of images.
        marks: (N, K) int8.
        splits: (N,) int8.
    """
    train = marks[splits == TRAIN]
    notes = [*_unknown_images(paths, marks, splits), *_one_sided(classes, train)]
    for split in (VAL, TEST):
        if not (splits == split).any():
            continue
        for k in np.flatnonzero(~(marks[splits == split] == PRESENT).any(0)).tolist():
            text = f"class '{classes[k]}' is nowhere present in {SPLITS[split]}: the figures leave it out"
            notes.append(Note(f"a class without positives in {SPLITS[split]}", text))
    return notes


def _unknown_images(paths: Sequence[str], marks: np.ndarray, splits: np.ndarray) -> list[Note]:
    notes = []
    for split, fate in ((TRAIN, "they are unlabelled"), (VAL, "they are not scored"), (TEST, "they are not scored")):
        rows = np.flatnonzero((splits == split) & (marks == UNKNOWN).all(1))
        if len(rows):
            count = f"{len(rows)} of {np.sum(splits == split)} {SPLITS[split]} images have no known label"
            notes.append(Note("", f"{count}: {fate} (first '{paths[rows[0]]}')"))
    return notes


def _one_sided(classes: Sequence[str], train: np.ndarray) -> list[Note]:
    """Known labels must be both present and absent, if a class is to be learnt (a limit that the paper of SR names)."""
    present, absent = (train == PRESENT).any(0), (train == ABSENT).any(0)
    if not present.any() and not absent.any():
        return []  # data for predict and evaluate
    for some, other, word in ((present, absent, "present"), (absent, present, "absent")):
        if not other.any():
            worth = "most methods can't learn from that" if some is present else "nothing can be learnt from that"
            mend = f"mark some classes {'absent (0)' if some is present else 'present (1)'}"
            return [Note("", f"every known training label says '{word}': {worth}; {mend}")]
    notes = []
    for k in np.flatnonzero(~(present & absent)).tolist():
        if present[k] or absent[k]:
            word = "present" if present[k] else "absent"
            notes.append(Note("a class of one kind", f"class '{classes[k]}' is only ever {word} in training"))
        else:
            notes.append(Note("a class without labels", f"class '{classes[k]}' has no known label in training"))
    return notes
