"""Known data sets whose images are files: official lists say which there are; the images get the look of any folder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.labels.csv_labels import read_table
from fewlabels.data.labels.faults import Note
from fewlabels.data.labels.folder import Survey, examine
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.scan import ScannedImages, find_images
from fewlabels.errors import UserError

ListedImage = tuple[str, str, str, int]
"""Where a list says so, the image's path below the folder, its class, the number of its split."""


@dataclass(frozen=True)
class OfficialLists:
    """What the official lists say; the images are not yet looked at."""

    name: str
    folder: Path
    parts: tuple[str, ...]
    """The folders in ``folder`` that hold the images."""
    classes: tuple[str, ...]
    """In the official order, which is kept."""
    rows: Sequence[ListedImage]


def survey_lists(lists: OfficialLists, progress: DecodeProgress | None = None) -> Survey:
    """Look at every listed image, as :func:`fewlabels.data.labels.folder.survey` does.

    Raises:
        UserError: a folder of images is not there, or holds none.
    """
    found = find_parts(lists.name, lists.folder, lists.parts)
    told = read_table(lists.rows, found.files)
    listed = [file for file in found.files if file in told.given]
    if others := len(found.files) - len(listed):
        found.notes.append(Note("", f"{others} images that the official lists do not name are not used"))
    result = examine(lists.folder, replace(found, files=listed), told, progress)
    return replace(result, dataset=result.dataset and _official(result.dataset, lists))


def find_parts(name: str, root: Path, parts: Sequence[str]) -> ScannedImages:
    """The images in some folders of a known data set.

    Raises:
        UserError: a folder is not there, or holds no image.
    """
    found = ScannedImages()
    for part in parts:
        folder = root / part
        if not folder.is_dir():
            mend = "unpack them there, or name the folder that holds them and the lists with --root"
            raise UserError(f"no folder '{folder}' with the images of '{name}'; {mend}")
        inside = find_images(folder)
        found.files += [f"{part}/{file}" for file in inside.files]
        found.faults += [replace(fault, where=f"{part}/{fault.where}") for fault in inside.faults]
        found.notes += inside.notes
    return found


def _official(dataset: Dataset, lists: OfficialLists) -> Dataset:
    """With the official name and all classes in the official order; these are photographs, which may be mirrored."""
    number = np.array([lists.classes.index(name) for name in dataset.classes], np.int64)
    labels = np.where(dataset.labels == UNLABELLED, UNLABELLED, number[dataset.labels])
    return replace(dataset, name=lists.name, classes=lists.classes, labels=labels, flip="horizontal")
