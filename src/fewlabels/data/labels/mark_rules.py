"""Compare the marks of images, and note what is remarkable about those of a data set."""

from collections.abc import Mapping, Sequence

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, SPLITS, TEST, TRAIN, UNKNOWN, VAL, Dataset
from fewlabels.data.labels.annotations import Annotation
from fewlabels.data.labels.faults import Note
from fewlabels.data.labels.marks_cells import MARK_NAMES


def marks_difference(
    classes: Sequence[str], this: np.ndarray | None, other: np.ndarray | None
) -> tuple[str, str] | None:
    """Describe the first class that two rows of one image, (K,) int8 marks each, mark differently."""
    assert this is not None and other is not None, "every row marks every class"
    differing = np.flatnonzero(this != other)
    if not len(differing):
        return None
    k = int(differing[0])
    return f"class '{classes[k]}' {MARK_NAMES[int(this[k])]}", MARK_NAMES[int(other[k])]


def marks_conflict(
    classes: Sequence[str], images: Mapping[str, Annotation[np.ndarray]], paths: Sequence[str]
) -> tuple[str, str] | None:
    """Find a class that is marked present in one of some files with the same bytes and absent in another."""
    labels = {path: images[path].label for path in paths if path in images}
    marked = {path: label for path, label in labels.items() if label is not None}
    if not marked:
        return None
    marks = np.stack(list(marked.values()))
    both = (marks == PRESENT).any(0) & (marks == ABSENT).any(0)
    if not both.any():
        return None
    k, names = int(both.argmax()), list(marked)
    present, absent = (names[int((marks[:, k] == mark).argmax())] for mark in (PRESENT, ABSENT))
    return present, f"the same bytes as '{absent}', but class '{classes[k]}' is present here and absent there"


def notes_on_marks(dataset: Dataset) -> list[Note]:
    """Note images and classes with too few known marks."""
    train = dataset.labels[dataset.splits == TRAIN]
    notes = [*_unmarked_images(dataset), *_one_sided_classes(dataset.classes, train)]
    for split in (VAL, TEST):
        if not (dataset.splits == split).any():
            continue
        for k in np.flatnonzero(~(dataset.labels[dataset.splits == split] == PRESENT).any(0)).tolist():
            text = f"class '{dataset.classes[k]}' is present in no {SPLITS[split]} image: its metrics are left out"
            notes.append(Note(f"a class without positives in {SPLITS[split]}", text))
    return notes


def _unmarked_images(dataset: Dataset) -> list[Note]:
    notes = []
    unmarked = (dataset.labels == UNKNOWN).all(1)
    for split, fate in ((TRAIN, "they are unlabelled"), (VAL, "they are not scored"), (TEST, "they are not scored")):
        rows = np.flatnonzero((dataset.splits == split) & unmarked)
        if len(rows):
            count = f"{len(rows)} of {np.sum(dataset.splits == split)} {SPLITS[split]} images have no known label"
            notes.append(Note("", f"{count}: {fate} (first '{dataset.paths[rows[0]]}')"))
    return notes


def _one_sided_classes(classes: Sequence[str], train: np.ndarray) -> list[Note]:
    """Note classes whose (N, K) training marks are not both present and absent: a model needs both to learn."""
    present, absent = (train == PRESENT).any(0), (train == ABSENT).any(0)
    if not present.any() and not absent.any():
        return []  # data for predict and evaluate
    for some, other, word in ((present, absent, "present"), (absent, present, "absent")):
        if not other.any():
            effect = "most methods can't learn from that" if some is present else "nothing can be learnt from that"
            remedy = f"mark some classes {'absent (0)' if some is present else 'present (1)'}"
            return [Note("", f"every known training label says '{word}': {effect}; {remedy}")]
    notes = []
    for k in np.flatnonzero(~(present & absent)).tolist():
        if present[k] or absent[k]:
            word = "present" if present[k] else "absent"
            notes.append(Note("a class of one kind", f"class '{classes[k]}' is only ever {word} in training"))
        else:
            notes.append(Note("a class without labels", f"class '{classes[k]}' has no known label in training"))
    return notes
