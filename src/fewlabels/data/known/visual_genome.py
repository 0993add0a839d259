"""Visual Genome (Krishna et al., 2017) with a list of classes that the user gives: that of VG-200 is not public."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_marks import OfficialMarks
from fewlabels.errors import UserError

PARTS = ("VG_100K", "VG_100K_2")


def read_objects(objects: Path, categories: Path, test: Path | None) -> OfficialMarks:
    """A class is present where an object has it for a name or a synset, else absent.

    Args:
        objects: the official ``objects.json``; ``VG_100K/`` and ``VG_100K_2/`` beside it, or one of them.
        categories: text, a class per line, as ``tree`` or ``tree.n.01``; the order is kept.
        test: text, a test image per line, as ``2405722`` or ``2405722.jpg``. None: all images are for training.

    Raises:
        UserError: a file is damaged, or names something twice or something that is not there.
    """
    classes = _lines(categories)
    column = {name: k for k, name in enumerate(classes)}
    folder = objects.parent
    parts = tuple(part for part in PARTS if (folder / part).is_dir()) or PARTS
    with naming(objects):
        found = _load(objects)
    held = {Path(line).stem for line in _lines(test)} if test else set()
    if unknown := held - found.keys():
        raise UserError(f"'{test}' names image {min(unknown)}, which '{objects.name}' lacks; mend the list")
    at = {file.stem: f"{part}/{file.name}" for part in parts for file in (folder / part).glob("*.jpg")}
    marks = np.full((len(found), len(classes)), ABSENT, np.int8)
    rows = []
    for row, (image, names) in enumerate(found.items()):
        marks[row, [column[name] for name in names if name in column]] = PRESENT
        path = at.get(image, f"{parts[0]}/{image}.jpg")
        rows.append((f"{objects.name}: image {image}", path, TEST if image in held else TRAIN))
    notes = () if test else ("without 'test.txt', a test image per line, all images are for training",)
    return OfficialMarks("visual-genome", folder, parts, classes, rows, marks, notes)


def _lines(file: Path) -> tuple[str, ...]:
    with naming(file):
        lines = [" ".join(line.split()) for line in file.read_text(encoding="utf-8-sig").splitlines()]
        lines = [line.lower() for line in lines if line]
        if not lines or len(set(lines)) < len(lines):
            raise ValueError("a line is there twice" if lines else "it is empty")
        return tuple(lines)


def _load(file: Path) -> dict[str, frozenset[str]]:
    """The names and synsets in each image, by its number, which the first version calls ``id``."""
    entries = json.loads(file.read_bytes(), object_hook=_shorten)
    numbers = [str(int(entry.get("image_id", entry.get("id")))) for entry in entries]
    found = {number: frozenset().union(*entry["objects"]) for number, entry in zip(numbers, entries, strict=True)}
    if not found or len(found) < len(entries):
        raise ValueError("an image is there twice" if found else "it is empty")
    return found


def _shorten(item: dict[str, Any]) -> Any:
    if "names" not in item:
        return item
    return frozenset(" ".join(name.lower().split()) for name in [*item["names"], *item.get("synsets", [])])
