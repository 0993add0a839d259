"""Known data sets of several labels per image, whose images are files: official lists say what is in which."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from fewlabels.data.known.official_lists import find_parts
from fewlabels.data.labels.csv_rows import BadRow, ImageIndex
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.labels.folder import Survey
from fewlabels.data.labels.marks import Marked, Marks
from fewlabels.data.labels.marks_folder import examine_marks
from fewlabels.data.pixels.decode import DecodeProgress


@dataclass(frozen=True)
class OfficialMarks:
    """What the official lists say; the images are not yet looked at."""

    name: str
    folder: Path
    parts: tuple[str, ...]
    """The folders in ``folder`` that hold the images."""
    classes: tuple[str, ...]
    """K names in the official order."""
    rows: Sequence[tuple[str, str, int]]
    """N times: where a list says so, the image's path below the folder, the number of its split."""
    marks: np.ndarray
    """(N, K) int8: PRESENT, ABSENT or UNKNOWN."""
    notes: tuple[str, ...] = ()


def survey_official(lists: OfficialMarks, progress: DecodeProgress | None = None) -> Survey:
    """Look at every listed image. They keep the order of the lists, by which the known labels are drawn.

    Raises:
        UserError: a folder of images is not there, or holds none.
    """
    found = find_parts(lists.name, lists.folder, lists.parts)
    told = Marks(lists.classes, notes=[Note("", note) for note in lists.notes])
    index = ImageIndex(found.files)
    for (where, written, split), marks in zip(lists.rows, lists.marks, strict=True):
        try:
            path = index.find(written)
        except BadRow as bad:
            told.faults.append(Fault(where, *bad.args))
            continue
        told.given[path] = Marked(marks, split, where)
    if others := len(found.files) - len(told.given):
        found.notes.append(Note("", f"{others} images that the official lists do not name are not used"))
    result = examine_marks(lists.folder, replace(found, files=list(told.given)), told, progress)
    # Photographs, which may be mirrored.
    dataset = result.dataset and replace(result.dataset, name=lists.name, flip="horizontal")
    return replace(result, dataset=dataset)
