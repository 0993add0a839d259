"""A person's own folder of images with a CSV of marks, as a data set."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TRAIN, UNKNOWN, Dataset
from fewlabels.data.labels import rules
from fewlabels.data.labels.faults import Fault, shortened
from fewlabels.data.labels.folder import Survey, find_labels, flip_of, good_images, splits_of, without
from fewlabels.data.labels.marks import Marked, Marks, odd_marks, two_marks
from fewlabels.data.labels.marks_csv import read_marks_csv
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.remember import Seen
from fewlabels.data.pixels.scan import ScannedImages, faults_of, find_images, look_at
from fewlabels.errors import UserError


def survey_marks(root: Path, labels: Path | None = None, progress: DecodeProgress | None = None) -> Survey:
    """Find everything that is wrong, without stopping at the first.

    Args:
        root: images in any nested folders.
        labels: CSV, see :func:`fewlabels.data.labels.marks_csv.read_marks_csv`; without it ``root/labels.csv``.
        progress: called while images are decoded.

    Raises:
        UserError: there is no folder, no image or no such CSV.
    """
    found = find_images(root)
    labels, notes = find_labels(root, labels)
    if labels is None:
        hint = f" ({notes[0]})" if notes else ""
        what = f"no 'labels.csv' in '{root}' says which classes are in which image{hint}"
        raise UserError(f"{what}; write one, or name another CSV with --labels")
    return examine_marks(root, found, read_marks_csv(labels, found.files), progress)


def examine_marks(root: Path, found: ScannedImages, told: Marks, progress: DecodeProgress | None = None) -> Survey:
    """Look at every image that was found, and find what is wrong with it and with what is told of it."""
    seen = look_at(root, found.files, progress)
    faults = [*faults_of(seen), *found.faults, *told.faults]
    notes = [*found.notes, *told.notes]
    if not any(fault.fatal for fault in faults):
        left = without(told.given, faults)
        copies, copy_notes = rules.duplicates(seen, splits_of(left), partial(two_marks, told.classes, left))
        faults += copies
        notes += [*copy_notes, *rules.other_split(list(seen), splits_of(told.given))]
    dataset = _build(root, told, seen, faults)
    if dataset is not None:
        notes += odd_marks(dataset.classes, dataset.paths, dataset.labels, dataset.splits)
        dataset = replace(dataset, notes=shortened(notes))
    return Survey(dataset, tuple(faults), tuple(notes))


def _build(root: Path, told: Marks, seen: Mapping[str, Seen], faults: list[Fault]) -> Dataset | None:
    images = good_images(root, seen, faults)
    if images is None:
        return None
    nothing = Marked(np.full(len(told.classes), UNKNOWN, np.int8), TRAIN, "")
    given = [told.given.get(path, nothing) for path in images.files]
    return Dataset(
        name=root.resolve().name,
        classes=told.classes,
        paths=images.files,
        splits=np.array([what.split for what in given], np.int8),
        labels=np.stack([what.marks for what in given]),
        images=images,
        flip=flip_of(images),
    )
