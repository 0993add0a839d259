"""One class per image: the labels of the tasks ``classify`` and ``localize``."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from fewlabels.data.dataset import TRAIN, UNLABELLED, Dataset
from fewlabels.data.labels.annotations import Annotation, Annotations
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.names import misspelt, sorted_classes
from fewlabels.data.labels.tree_labels import read_tree

IMBALANCE = 5
"""A note is due when one class has more than this many times the labels of another."""
_NO_LABEL = frozenset(("-1", "nan", "none", "null", "na", "n/a", "?", "unlabelled", "unlabeled", "unknown"))

ClassAnnotations = Mapping[str, Annotation[str]]
"""By the path of the image."""


class ClassLabels(LabelKind[str]):
    """A label is the name of a class. In ``Dataset.labels`` it is its index, (N,) int64, or UNLABELLED."""

    title: ClassVar[str] = "one class per image"
    columns: ClassVar[tuple[str, ...]] = ("label",)

    def parse(self, cells: Mapping[str, str], path: str) -> str | None:
        """Return the name of the class; an empty cell is no label."""
        return cells["label"] or None

    def to_array(
        self, labels: Sequence[str | None], classes: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the classes, and (N,) int64: the index of each label, or UNLABELLED."""
        names = sorted_classes({label for label in labels if label is not None}) if classes is None else classes
        index: dict[str | None, int] = {name: number for number, name in enumerate(names)}
        index[None] = UNLABELLED
        return names, np.array([index[label] for label in labels], np.int64)

    def is_labelled(self, labels: np.ndarray) -> np.ndarray:
        """Return which images have a class, (N,) bool."""
        return labels != UNLABELLED

    def read_csv(self, file: Path, files: Sequence[str]) -> Annotations[str]:
        """Read the columns ``path,label`` and, if there, ``split``."""
        found = super().read_csv(file, files)
        found.faults += misspelt_labels(found.images)
        found.notes += [*suspicious_labels(found.images, file.name), *other_folders(found.images)]
        return found

    def read_folders(self, files: Sequence[str]) -> Annotations[str]:
        """Read the classes and splits from the folders, see :func:`read_tree`."""
        found = read_tree(files)
        found.faults += misspelt_labels(found.images)
        return found

    def faults(self, annotations: Annotations[str]) -> list[Fault]:
        """Find classes without a labelled training image."""
        return untrained_classes(annotations.images)

    def notes(self, dataset: Dataset) -> list[Note]:
        """Note an uneven number of labels per class."""
        return imbalance(dataset)


CLASSES = ClassLabels()


def misspelt_labels(images: ClassAnnotations) -> list[Fault]:
    """Find labels that differ from a more frequent label only in case or spaces."""
    written = _paths_by_label(images)
    faults = []
    for label, most in misspelt({label: len(paths) for label, paths in written.items()}).items():
        paths = written[label]
        what = f"label '{label}' ({len(paths)}x) differs from '{most}' ({len(written[most])}x) only in case or spaces"
        faults.append(Fault(images[paths[0]].where, what, "write both the same way", tuple(paths)))
    return faults


def suspicious_labels(images: ClassAnnotations, file: str) -> list[Note]:
    """Note class names that look like a missing label."""
    notes = []
    for label in sorted({annotation.label for annotation in images.values() if annotation.label is not None}):
        if label.casefold() in _NO_LABEL:
            text = f"{file}: '{label}' is read as the name of a class; leave the label empty for an unlabelled image"
            notes.append(Note("", text))
    return notes


def other_folders(images: ClassAnnotations) -> list[Note]:
    """Note images that are in a folder named like another class than their label."""
    classes = {annotation.label for annotation in images.values()}
    notes = []
    for path, (label, _, where) in images.items():
        folder = PurePosixPath(path).parent.name
        if label is not None and folder in classes and folder != label:
            text = f"{where}: '{path}' is labelled '{label}' but is in the folder '{folder}'"
            notes.append(Note("another class's folder", text))
    return notes


def untrained_classes(images: ClassAnnotations) -> list[Fault]:
    """Find classes that only validation or test images have.

    Data without any label for training are for ``predict`` and ``evaluate``, and have no such fault.
    """
    paths_of = _paths_by_label(images)
    faults = []
    for label in sorted(label for label, paths in paths_of.items() if all(images[p].split != TRAIN for p in paths)):
        paths = paths_of[label]
        what = f"class '{label}' has no labelled training image"
        faults.append(Fault(images[paths[0]].where, what, "label one in train, or remove the class", tuple(paths)))
    return faults if len(faults) < len(paths_of) else []


def imbalance(dataset: Dataset) -> list[Note]:
    """Note when one class has more than ``IMBALANCE`` times the training labels of another."""
    labels = dataset.labels[(dataset.splits == TRAIN) & (dataset.labels != UNLABELLED)]
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    used = [number for number, count in enumerate(counts) if count]
    if not used:
        return []
    most, least = (extreme(used, key=counts.__getitem__) for extreme in (max, min))
    if counts[most] <= IMBALANCE * counts[least]:
        return []
    names = dataset.classes
    text = f"the labels are uneven: class '{names[most]}' has {counts[most]} and '{names[least]}' {counts[least]}"
    return [Note("", text)]


def _paths_by_label(images: ClassAnnotations) -> dict[str, list[str]]:
    paths: dict[str, list[str]] = defaultdict(list)
    for path, annotation in images.items():
        if annotation.label is not None:
            paths[annotation.label].append(path)
    return paths
