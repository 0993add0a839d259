"""Domain adaptation: labels from one data set, unlabelled and test images from another with the same classes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, VAL, Dataset, Flip
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.pixels.join import join_images
from fewlabels.data.read import read
from fewlabels.errors import UserError, nearest

_FLIPS: tuple[Flip, ...] = ("none", "horizontal", "both")


def read_adapted(data: str, labelled_from: str, labels: Path | None, root: Path, skip_bad: bool = False) -> Dataset:
    """Read the images of one data set and the labels of another, see :func:`adapt`.

    Args:
        data: folder or name of the data set that gives the unlabelled and the test images.
        labelled_from: folder or name of the data set that gives the labelled images.
        labels: CSV for ``data``, as in :func:`fewlabels.data.read.read`.
        root: the directory of the known data sets.
        skip_bad: leave out faulty images instead of raising.

    Raises:
        UserError: one of the two can't be read, both are the same, or they do not go together.
    """
    target = read(CLASSES, data, labels, root, skip_bad)
    if _same(data, labelled_from):
        raise UserError(f"--labelled-from {labelled_from} names the data set itself; leave it out, or name another")
    return adapt(target, read(CLASSES, labelled_from, None, root, skip_bad))


def adapt(target: Dataset, source: Dataset) -> Dataset:
    """Join two data sets: labels come from ``source``, the other images from ``target``.

    Rows are the target's training and test images, then the source's labelled training and validation images. Only
    source images are ``labelable`` and may become validation images; only the target's training images are the
    unlabelled pool, and their labels are used for evaluation alone. The target's validation images and the source's
    test images are left out. Images in memory are resized to the target's size (bicubic, with antialiasing), and
    converted to RGB where either has colour; files are resized when they are decoded. The names of the source's images
    begin with the name of their data set: ``usps/train/000123``.

    Args:
        target: its classes keep their order; without any label, it takes the source's classes.
        source: the same classes in any order.

    Raises:
        UserError: the classes differ; the target has no training image or the source no labelled one; one is in memory
            and the other in files; or a name would be there twice.
    """
    classes = target.classes or source.classes
    _check_classes(target, classes, source)
    ours = np.flatnonzero(target.splits != VAL)
    theirs = np.flatnonzero((source.splits != TEST) & (source.labels != UNLABELLED))
    _check_training_images(target, source, theirs)
    number = np.array([classes.index(name) for name in source.classes], np.int64)
    images, how = join_images(target, ours, source, theirs)
    return Dataset(
        name=f"{source.name}-to-{target.name}",
        classes=classes,
        paths=_join_paths(target, ours, source, theirs),
        splits=np.concatenate([target.splits[ours], source.splits[theirs]]),
        labels=np.concatenate([target.labels[ours], number[source.labels[theirs]]]),
        images=images,
        flip=_FLIPS[min(_FLIPS.index(target.flip), _FLIPS.index(source.flip))],
        notes=_join_notes(target, len(ours), source, len(theirs), how),
        left_out=(*target.left_out, *(f"{source.name}/{path}" for path in source.left_out)),
        labelable=np.repeat([False, True], [len(ours), len(theirs)]),
    )


def _same(data: str, other: str) -> bool:
    one, two = Path(data), Path(other)
    return one.resolve() == two.resolve() if one.exists() and two.exists() else data.lower() == other.lower()


def _check_classes(target: Dataset, classes: Sequence[str], source: Dataset) -> None:
    there = (target.name, classes), (source.name, source.classes)
    for (one, has), (other, lacks) in (there, there[::-1]):
        for name in has:
            if name not in lacks:
                what = f"'{other}' has no class '{name}', which '{one}' has; the two need the same classes"
                raise UserError(f"{what} ({nearest(name, lacks)})")


def _check_training_images(target: Dataset, source: Dataset, labelled: np.ndarray) -> None:
    if not (target.splits == TRAIN).any():
        raise UserError(f"{target.name} has no training image, and adapting to it needs some; their labels aren't used")
    if not (source.splits[labelled] == TRAIN).any():
        raise UserError(f"{source.name} has no labelled training image to take labels from; name another data set")


def _join_paths(target: Dataset, ours: np.ndarray, source: Dataset, theirs: np.ndarray) -> tuple[str, ...]:
    paths = [target.paths[row] for row in ours] + [f"{source.name}/{source.paths[row]}" for row in theirs]
    if len(set(paths)) < len(paths):
        raise UserError(f"{target.name} has a folder '{source.name}' with images of the same names; rename the folder")
    return tuple(paths)


def _join_notes(target: Dataset, ours: int, source: Dataset, theirs: int, how: str) -> tuple[str, ...]:
    notes = [f"{theirs} labelled images come from {source.name}{how}"]
    if others := len(target) - ours:
        notes.append(f"{others} validation images of {target.name} are not used: labels come from {source.name} alone")
    return (*target.notes, *(f"{source.name}: {note}" for note in source.notes), *notes)
