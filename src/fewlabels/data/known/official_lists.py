"""Known data sets whose images are files: official lists state what is in each image, which is then decoded."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Generic, NamedTuple

from fewlabels.data.labels.annotations import Annotation, Annotations, L
from fewlabels.data.labels.csv_rows import BadRow, ImageIndex
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.survey import Survey, examine
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.scan import ScannedImages, find_images
from fewlabels.errors import UserError


class ListedImage(NamedTuple, Generic[L]):
    """One image of an official list."""

    where: str
    """The list and its row, for messages."""
    path: str
    """Relative to the folder of the data set."""
    label: L
    split: int
    """TRAIN, VAL or TEST."""


@dataclass(frozen=True)
class OfficialLists(Generic[L]):
    """What the official lists state; the images are not yet decoded."""

    name: str
    folder: Path
    parts: tuple[str, ...]
    """The folders in ``folder`` that hold the images."""
    classes: tuple[str, ...]
    """In the official order, which is kept."""
    images: Sequence[ListedImage[L]]
    notes: tuple[str, ...] = ()
    keep_order: bool = False
    """Whether the data set has its images in the order of the lists; otherwise they are sorted by path."""


def survey_lists(kind: LabelKind[L], lists: OfficialLists[L], progress: DecodeProgress | None = None) -> Survey:
    """Look at every listed image, as :func:`fewlabels.data.labels.survey.survey_folder` does.

    Raises:
        UserError: a folder of images is missing, or has no image.
    """
    found = _find_parts(lists)
    annotations: Annotations[L] = Annotations(classes=lists.classes, notes=[Note("", note) for note in lists.notes])
    index = ImageIndex(found.files)
    for where, written, label, split in lists.images:
        try:
            path = index.find(written)
        except BadRow as bad:
            annotations.faults.append(Fault(where, *bad.args))
            continue
        annotations.add(path, Annotation(label, split, where), partial(kind.difference, lists.classes))
    listed = annotations.images
    if others := len(found.files) - len(listed):
        found.notes.append(Note("", f"{others} images that the official lists do not name are not used"))
    files = list(listed) if lists.keep_order else [file for file in found.files if file in listed]
    result = examine(kind, lists.folder, replace(found, files=files), annotations, progress)
    # These are photographs, which may be mirrored.
    dataset = result.dataset and replace(result.dataset, name=lists.name, flip="horizontal")
    return replace(result, dataset=dataset)


def _find_parts(lists: OfficialLists[L]) -> ScannedImages:
    """Find the images in the folders of a known data set; UserError if a folder is missing or has no image."""
    found = ScannedImages()
    for part in lists.parts:
        folder = lists.folder / part
        if not folder.is_dir():
            remedy = "unpack them there, or name the folder that holds them and the lists with --root"
            raise UserError(f"no folder '{folder}' with the images of '{lists.name}'; {remedy}")
        inside = find_images(folder)
        found.files += [f"{part}/{file}" for file in inside.files]
        found.faults += [replace(fault, where=f"{part}/{fault.where}") for fault in inside.faults]
        found.notes += inside.notes
    return found
