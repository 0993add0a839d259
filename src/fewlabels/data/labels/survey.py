"""Find everything that is wrong with a folder of images and its labels, and make a data set of the rest."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TRAIN, Dataset, FileImages, Flip
from fewlabels.data.labels.annotations import Annotation, Annotations, L
from fewlabels.data.labels.faults import DataFaults, Fault, Note, any_fatal, left_out, shortened
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.rules import duplicates, trained_on_despite_folder
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.scan import ScannedImages, faults_of, find_images, good_images, scan_images
from fewlabels.errors import UserError

_SMALL = 64
"""Pictures whose short side is at most this many pixels are often characters, which must not be mirrored."""


@dataclass(frozen=True)
class Survey:
    """A data set with everything that is wrong with it."""

    dataset: Dataset | None
    """What is left without the faulty images and rows; None when nothing is left, or when a fault is fatal."""
    faults: tuple[Fault, ...]
    notes: tuple[Note, ...]

    def accept(self, skip_bad: bool, *data: str | Path) -> Dataset:
        """Return the data set; with ``skip_bad`` without what is faulty, which its notes then name.

        Args:
            skip_bad: leave out what is faulty instead of raising.
            data: the arguments with which ``fewlabels check`` finds the same data.

        Raises:
            DataFaults: something is wrong and ``skip_bad`` is off, or nothing is left.
        """
        if self.dataset is None or (self.faults and not skip_bad):
            raise DataFaults(self.faults, *data)
        notes = (f"left out: {fault}" for fault in self.faults)
        return replace(self.dataset.with_notes(*notes), left_out=tuple(sorted(left_out(self.faults))))


def survey_folder(
    kind: LabelKind[L], root: Path, labels: Path | None = None, progress: DecodeProgress | None = None
) -> Survey:
    """Look at every image and label of a folder, without stopping at the first fault.

    Args:
        kind: what a label is.
        root: images in any nested folders.
        labels: CSV. None: ``root/labels.csv``, or else the folders state the labels.
        progress: called while images are decoded.

    Raises:
        UserError: there is no folder, no image, or no such CSV.
    """
    found = find_images(root)
    return examine(kind, root, found, read_annotations(kind, root, labels, found.files), progress)


def read_annotations(kind: LabelKind[L], root: Path, labels: Path | None, files: list[str]) -> Annotations[L]:
    """Read the labels of a folder from the CSV that is named, from its ``labels.csv``, or from its folders.

    Raises:
        UserError: there is no such CSV, or there is none and folders do not state such labels.
    """
    if labels is None and (root / "labels.csv").is_file():
        labels = root / "labels.csv"
    if labels is not None:
        return kind.read_csv(labels, files)
    others = sorted(file.name for file in root.glob("*.csv") if file.name != "boxes.csv")
    unread = f"'{others[0]}' is not read; if it holds the labels, name it with --labels" if others else ""
    annotations = kind.read_folders(files)
    if annotations is None:
        what = f"no 'labels.csv' in '{root}' with the columns {kind.header}{f' ({unread})' if unread else ''}"
        raise UserError(f"{what}; write one, or name another CSV with --labels")
    if unread:
        annotations.notes.insert(0, Note("", unread))
    return annotations


def examine(
    kind: LabelKind[L],
    root: Path,
    found: ScannedImages,
    annotations: Annotations[L],
    progress: DecodeProgress | None = None,
) -> Survey:
    """Decode the images that were found, and find what is wrong with them and with their labels."""
    scanned = scan_images(root, found.files, progress)
    faults = [*faults_of(scanned), *found.faults, *annotations.faults]
    notes = [*found.notes, *annotations.notes]
    if not any_fatal(faults):
        good = annotations.without(faults)
        copies, copy_notes = duplicates(scanned, good.splits(), partial(kind.conflict, good))
        faults += copies
        faults += kind.faults(annotations.without(faults))
        notes += copy_notes
        if not annotations.from_folders:
            notes += trained_on_despite_folder(list(scanned), annotations.splits())
    images = good_images(root, scanned, faults)
    if images is None:
        return Survey(None, tuple(faults), tuple(notes))
    dataset = make_dataset(kind, root, images, annotations)
    notes += kind.notes(dataset)
    return Survey(replace(dataset, notes=shortened(notes)), tuple(faults), tuple(notes))


def make_dataset(kind: LabelKind[L], root: Path, images: FileImages, annotations: Annotations[L]) -> Dataset:
    """Return the images with their labels and splits, in the order of the images."""
    rows = [annotations.images.get(path, Annotation(None, TRAIN, path)) for path in images.files]
    classes, labels = kind.to_array([row.label for row in rows], annotations.classes)
    return Dataset(
        name=root.resolve().name,
        classes=classes,
        paths=images.files,
        splits=np.array([row.split for row in rows], np.int8),
        labels=labels,
        images=images,
        flip=_flip_of(images),
    )


def _flip_of(images: FileImages) -> Flip:
    """Return "none" for small pictures, "horizontal" for photographs."""
    return "horizontal" if np.median(images.sizes.min(axis=1)) > _SMALL else "none"
