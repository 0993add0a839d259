"""Pascal VOC 2007 (Everingham, Van Gool, Williams, Winn and Zisserman): photographs with 20 classes."""

from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN
from fewlabels.data.known.class_names import VOC
from fewlabels.data.known.files import explain_damage, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.errors import UserError

_SPLITS = {"trainval": TRAIN, "test": TEST}
_MARK_OF = {"1": PRESENT, "-1": ABSENT, "0": UNKNOWN}
"""By what the lists state. 0: all objects of the class are difficult to recognise. The official evaluation counts such
an image neither for nor against the class, as it does unknown ones; the code of HCP-MLR-PL counts it as absent."""


def read_voc2007(root: Path) -> OfficialLists[np.ndarray]:
    """Read the lists of 5,011 (trainval) / 4,952 images.

    ``ImageSets/Main/CLASS_trainval.txt`` and ``CLASS_test.txt`` have lines of an image's number and 1, 0 or -1.

    Args:
        root: holds ``ImageSets/`` and ``JPEGImages/`` in ``VOCdevkit/VOC2007/``, in ``VOC2007/`` or itself.

    Raises:
        UserError: a list is missing or damaged, or the lists do not go together.
    """
    first_list = "ImageSets/Main/aeroplane_trainval.txt"
    found = require_file(
        "voc2007", root, [f"{folder}{first_list}" for folder in ("VOCdevkit/VOC2007/", "VOC2007/", "")]
    )
    folder = found.parents[2]
    images: list[ListedImage[np.ndarray]] = []
    for name, split in _SPLITS.items():
        files = [folder / "ImageSets/Main" / f"{kind}_{name}.txt" for kind in VOC]
        lists = [_read(file) for file in files]
        for file, marks in zip(files, lists, strict=True):
            if odd := marks.keys() ^ lists[0].keys():
                what = f"and '{files[0].name}' next to it differ: only one of them has image {min(odd)}"
                raise UserError(f"'{file}' {what}; get both again")
        for image in lists[0]:
            label = np.array([marks[image] for marks in lists], np.int8)
            images.append(ListedImage(f"{files[0].name}: {image}", f"JPEGImages/{image}.jpg", label, split))
    return OfficialLists("voc2007", folder, ("JPEGImages",), VOC, images, keep_order=True)


def _read(file: Path) -> dict[str, int]:
    if not file.is_file():
        remedy = "put the files of VOCtrainval and VOCtest into one folder, and name it with --root"
        raise UserError(f"no file '{file}' for the data set 'voc2007'; {remedy}")
    with explain_damage(file):
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        found = {image: _MARK_OF[mark] for image, mark in lines}
        if not found or len(found) < len(lines):
            raise ValueError("an image is there twice" if found else "it is empty")
        return found
