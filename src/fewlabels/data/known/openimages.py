"""The image-level labels of Open Images V3 (Krasin et al., 2017)."""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, VAL
from fewlabels.data.known.formats import naming
from fewlabels.data.known.locate import need
from fewlabels.data.known.official_marks import OfficialMarks
from fewlabels.errors import UserError

PARTS = {"train": TRAIN, "validation": VAL, "test": TEST}
MACHINE_CONFIDENCE = 0.5
"""From which on a machine's label counts as present. The official files hold hardly any below it."""


def read_labels(root: Path) -> OfficialMarks:
    """Lines of ``ImageID,Source,LabelName,Confidence`` in ``annotations-human.csv`` and ``annotations-machine.csv``.

    A verified label is present (1) or absent (0). A machine's label is present; it is taken for training images alone,
    where nobody has verified the class, and only if its file is there. All else is unknown. Only the images that
    there are on the disk are taken, as ``train/000002b66c9c498e.jpg``; the marks of all nine million would need 45 GB.

    Args:
        root: holds ``2017_11/`` or what is in it: ``classes-trainable.txt`` (5,000), ``class-descriptions.csv`` if
            classes are to have names, and ``train/``, ``validation/`` and ``test/`` with the labels; images lie in
            these folders, or in folders of that name in ``root``.

    Raises:
        UserError: a file is missing or damaged.
    """
    listed = need("openimages", root, ["2017_11/classes-trainable.txt", "classes-trainable.txt"])
    with naming(listed):
        column = {line: k for k, line in enumerate(listed.read_text(encoding="utf-8").split())}
    lists = listed.parent
    folder = root if any(next((root / part).glob("*.jpg"), None) for part in PARTS) else lists
    parts = tuple(part for part in PARTS if next((folder / part).glob("*.jpg"), None))
    if not parts:
        mend = "put images as train/IMAGEID.jpg there, or name the folder with --root"
        raise UserError(f"no image in train/, validation/ or test/ of '{root}' for the data set 'openimages'; {mend}")
    rows, marks = [], []
    for part in parts:
        images = {file.stem: n for n, file in enumerate(sorted((folder / part).glob("*.jpg")))}
        found = np.full((len(images), len(column)), UNKNOWN, np.int8)
        machine = lists / part / "annotations-machine.csv"
        if PARTS[part] == TRAIN and machine.is_file():
            for image, kind, confidence in _labels(machine, images, column):
                if confidence >= MACHINE_CONFIDENCE:
                    found[image, kind] = PRESENT
        human = need("openimages", lists, [f"{part}/annotations-human.csv"])
        for image, kind, confidence in _labels(human, images, column):
            found[image, kind] = PRESENT if confidence == 1 else ABSENT
        rows += [(f"{part}/{image}.jpg", f"{part}/{image}.jpg", PARTS[part]) for image in images]
        marks.append(found)
    names = _names(lists / "class-descriptions.csv", list(column))
    return OfficialMarks("openimages", folder, parts, names, rows, np.concatenate(marks))


def _labels(file: Path, images: dict[str, int], column: dict[str, int]) -> Iterator[tuple[int, int, float]]:
    with naming(file), file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        if next(reader, None) != ["ImageID", "Source", "LabelName", "Confidence"]:
            raise ValueError("its first line is not ImageID,Source,LabelName,Confidence")
        for image, _, kind, confidence in reader:
            if image in images and kind in column:
                yield images[image], column[kind], float(confidence)


def _names(file: Path, kinds: list[str]) -> tuple[str, ...]:
    """What people call the classes; where two have one name, with their official codes."""
    if not file.is_file():
        return tuple(kinds)
    with naming(file), file.open(encoding="utf-8", newline="") as stream:
        described = {code: name for code, name in csv.reader(stream)}
    names = [described.get(kind, kind) for kind in kinds]
    count = Counter(names)
    return tuple(name if count[name] == 1 else f"{name} ({kind})" for name, kind in zip(names, kinds, strict=True))
