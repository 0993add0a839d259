"""Domain adaptation: labels from one data set, unlabelled and test images from another with the same classes."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, VAL, ArrayImages, Dataset, FileImages, Flip
from fewlabels.errors import UserError, nearest

_FLIPS: tuple[Flip, ...] = ("none", "horizontal", "both")


def adapt(target: Dataset, source: Dataset) -> Dataset:
    """One data set whose labels are to be had from ``source`` and whose other images are those of ``target``.

    Rows are the target's training and test images, then the source's labelled training and validation images. Only
    source images are ``labelable``, and they alone may become validation images; only the target's training images
    are the unlabelled pool, their labels staying behind for evaluation. The target's validation images and the
    source's test images are left out. Images of an array come to the target's size (bicubic, with antialiasing), and
    to RGB where either has colour; files are decoded to one size later. The source's images are named with the name of
    their data set before them: ``usps/train/000123``.

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
    if not (target.splits == TRAIN).any():
        raise UserError(f"{target.name} has no training image, and adapting to it needs some; their labels aren't used")
    if not (source.splits[theirs] == TRAIN).any():
        raise UserError(f"{source.name} has no labelled training image to take labels from; name another data set")
    number = np.array([classes.index(name) for name in source.classes], np.int64)
    images, how = _join(target, ours, source, theirs)
    paths = [target.paths[row] for row in ours] + [f"{source.name}/{source.paths[row]}" for row in theirs]
    if len(set(paths)) < len(paths):
        raise UserError(f"{target.name} has a folder '{source.name}' with images of the same names; rename the folder")
    notes = [f"{len(theirs)} labelled images come from {source.name}{how}"]
    if others := len(target) - len(ours):
        notes.append(f"{others} validation images of {target.name} are not used: labels come from {source.name} alone")
    return Dataset(
        name=f"{source.name}-to-{target.name}",
        classes=classes,
        paths=tuple(paths),
        splits=np.concatenate([target.splits[ours], source.splits[theirs]]),
        labels=np.concatenate([target.labels[ours], number[source.labels[theirs]]]),
        images=images,
        flip=_FLIPS[min(_FLIPS.index(target.flip), _FLIPS.index(source.flip))],
        notes=(*target.notes, *(f"{source.name}: {note}" for note in source.notes), *notes),
        left_out=(*target.left_out, *(f"{source.name}/{path}" for path in source.left_out)),
        labelable=np.repeat([False, True], [len(ours), len(theirs)]),
    )


def _check_classes(target: Dataset, classes: Sequence[str], source: Dataset) -> None:
    there = (target.name, classes), (source.name, source.classes)
    for (one, has), (other, lacks) in (there, there[::-1]):
        for name in has:
            if name not in lacks:
                what = f"'{other}' has no class '{name}', which '{one}' has; the two need the same classes"
                raise UserError(f"{what} ({nearest(name, lacks)})")


def _join(
    target: Dataset, ours: np.ndarray, source: Dataset, theirs: np.ndarray
) -> tuple[ArrayImages | FileImages, str]:
    """The images of those rows, and what was done to the source's."""
    if isinstance(target.images, ArrayImages) and isinstance(source.images, ArrayImages):
        return _join_arrays(target.images.pixels[ours], source.images.pixels[theirs])
    if isinstance(target.images, FileImages) and isinstance(source.images, FileImages):
        return _join_files(target.images, ours, source.images, theirs), ""
    arrays, files = (target, source) if isinstance(target.images, ArrayImages) else (source, target)
    raise UserError(
        f"{arrays.name} is in memory and {files.name} in files, which can't be joined; save {arrays.name} as a folder"
    )


def _join_arrays(target: np.ndarray, source: np.ndarray) -> tuple[ArrayImages, str]:
    (height, width), before = target.shape[1:3], source.shape[1:3]
    how = ""
    if before != (height, width):
        source = _resize(source, height, width)
        sizes = [f"{h}" if h == w else f"{h} x {w}" for h, w in (before, (height, width))]
        how = f", resized from {sizes[0]} to {sizes[1]} px"
    if target.shape[3] != source.shape[3]:
        how += f", in RGB as {'these' if target.shape[3] == 1 else 'the others'} are"
        target, source = (np.broadcast_to(pixels, (*pixels.shape[:3], 3)) for pixels in (target, source))
    return ArrayImages(np.concatenate([target, source])), how


def _resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """(N, H, W, C) uint8 to (N, height, width, C), image by image."""
    flat = pixels[..., 0] if pixels.shape[3] == 1 else pixels
    resized = [Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC) for image in flat]
    return np.stack([np.asarray(image) for image in resized]).reshape(len(pixels), height, width, -1)


def _join_files(target: FileImages, ours: np.ndarray, source: FileImages, theirs: np.ndarray) -> FileImages:
    """Under the folder that holds both."""
    roots = [target.root.resolve(), source.root.resolve()]
    top = Path(os.path.commonpath(roots))
    files = [
        (root.relative_to(top) / images.files[row]).as_posix()
        for root, images, rows in zip(roots, (target, source), (ours, theirs), strict=True)
        for row in rows
    ]
    sizes = np.concatenate([target.sizes[ours], source.sizes[theirs]])
    return FileImages(top, tuple(files), sizes, grey=target.grey and source.grey)
