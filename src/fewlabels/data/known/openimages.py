"""Open Images V3 (Krasin et al., 2017): verified and machine-generated labels of 5,000 classes."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, VAL
from fewlabels.data.known.files import explain_damage, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.errors import UserError

_SPLITS = {"train": TRAIN, "validation": VAL, "test": TEST}
MACHINE_CONFIDENCE = 0.5
"""From this confidence on a machine's label counts as present. The official files have hardly any below it."""


def read_openimages(root: Path) -> OfficialLists[np.ndarray]:
    """Read ``annotations-human.csv`` and ``annotations-machine.csv``: ``ImageID,Source,LabelName,Confidence``.

    A verified label is present (1) or absent (0). A machine's label is present; it is used for training images only,
    where nobody has verified the class, and only if its file is there. Everything else is unknown. Only images that
    are on the disk are read, as ``train/000002b66c9c498e.jpg``; the marks of all nine million would need 45 GB.

    Args:
        root: holds ``2017_11/`` or its content, in ``openimages/`` or itself: ``classes-trainable.txt`` (5,000),
            optionally ``class-descriptions.csv`` with the names of the classes, and ``train/``, ``validation/`` and
            ``test/`` with the labels. Images are in these folders, or in folders of that name in ``root``.

    Raises:
        UserError: a file is missing or damaged.
    """
    root = root / "openimages" if (root / "openimages").is_dir() else root
    listed = require_file("openimages", root, ["2017_11/classes-trainable.txt", "classes-trainable.txt"])
    with explain_damage(listed):
        column = {line: k for k, line in enumerate(listed.read_text(encoding="utf-8").split())}
    lists = listed.parent
    folder = root if any(_has_images(root / part) for part in _SPLITS) else lists
    parts = tuple(part for part in _SPLITS if _has_images(folder / part))
    if not parts:
        remedy = "put images as train/IMAGEID.jpg there, or name the folder with --root"
        raise UserError(f"no image in train/, validation/ or test/ of '{root}' for the data set 'openimages'; {remedy}")
    images: list[ListedImage[np.ndarray]] = []
    for part in parts:
        row = {file.stem: n for n, file in enumerate(sorted((folder / part).glob("*.jpg")))}
        marks = _read_marks(lists, part, row, column)
        for image, n in row.items():
            images.append(ListedImage(f"{part}/{image}.jpg", f"{part}/{image}.jpg", marks[n], _SPLITS[part]))
    names = _names(lists / "class-descriptions.csv", list(column))
    return OfficialLists("openimages", folder, parts, names, images, keep_order=True)


def _has_images(folder: Path) -> bool:
    return next(folder.glob("*.jpg"), None) is not None


def _read_marks(lists: Path, part: str, row: dict[str, int], column: dict[str, int]) -> np.ndarray:
    """Return the (N, K) int8 marks of one part.

    Args:
        lists: the folder of the lists.
        part: one of ``_SPLITS``.
        row: the number of each image.
        column: the number of each class.
    """
    marks = np.full((len(row), len(column)), UNKNOWN, np.int8)
    machine = lists / part / "annotations-machine.csv"
    if _SPLITS[part] == TRAIN and machine.is_file():
        for image, kind, confidence in _labels(machine, row, column):
            if confidence >= MACHINE_CONFIDENCE:
                marks[image, kind] = PRESENT
    human = require_file("openimages", lists, [f"{part}/annotations-human.csv"])
    for image, kind, confidence in _labels(human, row, column):
        marks[image, kind] = PRESENT if confidence == 1 else ABSENT
    return marks


def _labels(file: Path, row: dict[str, int], column: dict[str, int]) -> Iterator[tuple[int, int, float]]:
    with explain_damage(file), file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        if next(reader, None) != ["ImageID", "Source", "LabelName", "Confidence"]:
            raise ValueError("its first line is not ImageID,Source,LabelName,Confidence")
        for image, _, kind, confidence in reader:
            if image in row and kind in column:
                yield row[image], column[kind], float(confidence)


def _names(file: Path, kinds: list[str]) -> tuple[str, ...]:
    """Return the names of the classes, with their official codes where two have one name."""
    if not file.is_file():
        return tuple(kinds)
    with explain_damage(file), file.open(encoding="utf-8", newline="") as stream:
        described = {code: name for code, name in csv.reader(stream)}
    names = [described.get(kind, kind) for kind in kinds]
    count = Counter(names)
    return tuple(name if count[name] == 1 else f"{name} ({kind})" for name, kind in zip(names, kinds, strict=True))
