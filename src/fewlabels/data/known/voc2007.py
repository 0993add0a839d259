"""The lists of Pascal VOC 2007 (Everingham, Van Gool, Williams, Winn and Zisserman)."""

from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN
from fewlabels.data.known.class_names import VOC
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_marks import OfficialMarks
from fewlabels.errors import UserError

SPLITS = {"trainval": TRAIN, "test": TEST}
MARKS = {"1": PRESENT, "-1": ABSENT, "0": UNKNOWN}
"""What the lists say. 0: all objects of the class are difficult to recognise. The official evaluation counts such an
image neither for nor against the class, which is what unknown means; the code of HCP-MLR-PL counts it as absent."""


def read_lists(folder: Path) -> OfficialMarks:
    """``ImageSets/Main/CLASS_trainval.txt`` and ``CLASS_test.txt``: lines of an image's number and 1, 0 or -1.

    Args:
        folder: ``VOC2007``, which holds ``JPEGImages/`` too.

    Raises:
        UserError: a list is missing or damaged, or they do not go together.
    """
    rows, marks = [], []
    for name, split in SPLITS.items():
        files = [folder / "ImageSets/Main" / f"{kind}_{name}.txt" for kind in VOC]
        lists = [_read(file) for file in files]
        for file, found in zip(files, lists, strict=True):
            if odd := found.keys() ^ lists[0].keys():
                what = f"and '{files[0].name}' beside it differ: only one of them has image {min(odd)}"
                raise UserError(f"'{file}' {what}; get both again")
        for image in lists[0]:
            rows.append((f"{files[0].name}: {image}", f"JPEGImages/{image}.jpg", split))
            marks.append([found[image] for found in lists])
    return OfficialMarks("voc2007", folder, ("JPEGImages",), VOC, rows, np.array(marks, np.int8))


def _read(file: Path) -> dict[str, int]:
    if not file.is_file():
        mend = "put the files of VOCtrainval and VOCtest into one folder, and name it with --root"
        raise UserError(f"no file '{file}' for the data set 'voc2007'; {mend}")
    with naming(file):
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = {image: MARKS[mark] for image, mark in lines}
        if not found or len(found) < len(lines):
            raise ValueError("an image is there twice" if found else "it is empty")
        return found
