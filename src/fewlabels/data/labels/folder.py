"""A person's own folder of images, with a CSV of labels or a folder for each class, as a data set."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from fewlabels.data.dataset import TRAIN, UNLABELLED, Dataset, FileImages, Flip
from fewlabels.data.labels import rules
from fewlabels.data.labels.csv_labels import Given, Labels, read_labels
from fewlabels.data.labels.faults import DataFaults, Fault, Note, shortened
from fewlabels.data.labels.tree_labels import read_tree
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.remember import Seen
from fewlabels.data.pixels.scan import ScannedImages, faults_of, find_images, look_at

_SMALL = 64
"""Pictures whose short side is at most this are often characters, which are not to be mirrored."""


Told = TypeVar("Told")


class HasSplit(Protocol):
    """What the data says of one image, in any task."""

    @property
    def split(self) -> int: ...


@dataclass(frozen=True)
class Survey:
    """A folder with all that is wrong with it."""

    dataset: Dataset | None
    """What is left without the faulty images and rows; None when nothing is, or when a fault is fatal."""
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]


def read_folder(
    root: Path, labels: Path | None = None, skip_bad: bool = False, progress: DecodeProgress | None = None
) -> Dataset:
    """Read a folder after looking at every image in it.

    Args:
        root: images in any nested folders.
        labels: CSV with the columns ``path,label`` and perhaps ``split``. Without it ``root/labels.csv`` is taken, or
            else the folders say the class.
        skip_bad: leave out what is faulty, and say so in the notes, instead of raising.
        progress: called while images are decoded.

    Raises:
        DataFaults: something is wrong with an image or a label.
        UserError: there is no folder, no image or no such CSV.
    """
    return accept(survey(root, labels, progress), skip_bad, root)


def accept(result: Survey, skip_bad: bool, *data: str | Path) -> Dataset:
    """The data set of a survey, without what is faulty if that may be left out.

    Raises:
        DataFaults: something is wrong and ``skip_bad`` is off, or nothing is left; ``data`` is how to check it again.
    """
    if result.dataset is None or (result.faults and not skip_bad):
        raise DataFaults(result.faults, *data)
    left_out = tuple(sorted({path for fault in result.faults for path in fault.leave_out}))
    return replace(result.dataset.with_notes(*(f"left out: {fault}" for fault in result.faults)), left_out=left_out)


def survey(root: Path, labels: Path | None = None, progress: DecodeProgress | None = None) -> Survey:
    """Find everything that is wrong, without stopping at the first. Arguments as in :func:`read_folder`."""
    found = find_images(root)
    labels, found.notes[:0] = find_labels(root, labels)
    told = read_labels(labels, found.files) if labels else read_tree(found.files)
    return examine(root, found, told, progress)


def examine(root: Path, found: ScannedImages, told: Labels, progress: DecodeProgress | None = None) -> Survey:
    """Look at every image that was found, and find what is wrong with it and with what is told of it."""
    seen = look_at(root, found.files, progress)
    faults = [*faults_of(seen), *found.faults, *told.faults]
    notes = [*found.notes, *told.notes]
    if not any(fault.fatal for fault in faults):
        _apply_rules(told, seen, faults, notes)
    dataset = _build(root, told, seen, faults, notes)
    return Survey(dataset, tuple(faults), tuple(notes))


def list_images(path: Path, skip_bad: bool = False, progress: DecodeProgress | None = None) -> Dataset:
    """The images of a folder, or one image file, without labels or classes: what ``predict`` is given.

    Raises:
        DataFaults: an image is faulty and ``skip_bad`` is off, or none is good.
        UserError: there is no such folder or file.
    """
    if path.is_file():
        root, files, faults, notes = path.parent, [path.name], [], []
    else:
        found = find_images(path)
        root, files, faults, notes = path, found.files, found.faults, found.notes
    seen = look_at(root, files, progress)
    faults = [*faults_of(seen), *faults]
    dataset = _build(root, Labels(), seen, faults, notes)
    if dataset is None or (faults and not skip_bad):
        raise DataFaults(faults, path)
    return dataset.with_notes(*(f"left out: {fault}" for fault in faults))


def find_labels(root: Path, labels: Path | None) -> tuple[Path | None, list[Note]]:
    """The CSV of the labels, if there is one, and a note where another may be meant."""
    if labels is not None:
        return labels, []
    if (root / "labels.csv").is_file():
        return root / "labels.csv", []
    others = sorted(file.name for file in root.glob("*.csv") if file.name != "boxes.csv")
    text = f"'{others[0]}' is not read; if it holds the labels, name it with --labels" if others else ""
    return None, [Note("", text)] if others else []


def _apply_rules(told: Labels, seen: Mapping[str, Seen], faults: list[Fault], notes: list[Note]) -> None:
    """Add what only shows when all is read; each rule sees what the faults before it have left."""
    given = told.given
    faults += rules.spelling(given)
    left = without(given, faults)
    copies, copy_notes = rules.duplicates(seen, splits_of(left), partial(rules.two_labels, left))
    faults += copies
    notes += copy_notes
    left = without(given, faults)
    faults += rules.without_label(left)
    if not told.folder_is_class:
        notes += rules.other_folder(given)
        notes += rules.other_split(list(seen), splits_of(given))
    notes += rules.imbalance(left)


def without(given: Mapping[str, Told], faults: list[Fault]) -> dict[str, Told]:
    """What is said of the images that no fault leaves out."""
    out = {path for fault in faults for path in fault.leave_out}
    return {path: what for path, what in given.items() if path not in out}


def splits_of(given: Mapping[str, HasSplit]) -> dict[str, int]:
    """The number of each image's split."""
    return {path: what.split for path, what in given.items()}


def good_images(root: Path, seen: Mapping[str, Seen], faults: list[Fault]) -> FileImages | None:
    """The images that no fault leaves out; None when there are none, or when a fault is fatal."""
    out = {path for fault in faults for path in fault.leave_out}
    paths = tuple(path for path in seen if path not in out)
    if not paths or any(fault.fatal for fault in faults):
        return None
    sizes = np.array([(seen[path].width, seen[path].height) for path in paths], np.int32)
    return FileImages(root, paths, sizes, grey=not any(seen[path].colour for path in paths))


def _build(
    root: Path, told: Labels, seen: Mapping[str, Seen], faults: list[Fault], notes: list[Note]
) -> Dataset | None:
    images = good_images(root, seen, faults)
    if images is None:
        return None
    given = [told.given.get(path, Given("", TRAIN, path)) for path in images.files]
    classes = sorted_classes({what.label for what in given if what.label})
    index = {name: number for number, name in enumerate(classes)} | {"": UNLABELLED}
    return Dataset(
        name=root.resolve().name,
        classes=classes,
        paths=images.files,
        splits=np.array([what.split for what in given], np.int8),
        labels=np.array([index[what.label] for what in given], np.int64),
        images=images,
        flip=flip_of(images),
        notes=shortened(notes),
    )


def sorted_classes(names: set[str]) -> tuple[str, ...]:
    """By name, or by number where all of them are numbers."""
    try:
        numbers = {name: float(name) for name in names}
    except ValueError:
        return tuple(sorted(names))
    if not all(map(math.isfinite, numbers.values())):
        return tuple(sorted(names))
    return tuple(sorted(names, key=lambda name: (numbers[name], name)))


def flip_of(images: FileImages) -> Flip:
    """Small pictures are not to be mirrored."""
    return "horizontal" if np.median(images.sizes.min(axis=1)) > _SMALL else "none"
