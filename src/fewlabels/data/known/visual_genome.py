"""Visual Genome (Krishna et al., 2017) with a list of classes that the user gives: that of VG-200 is not public."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN
from fewlabels.data.known.files import explain_damage, first_file, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.errors import UserError

_PARTS = ("VG_100K", "VG_100K_2")


def read_visual_genome(root: Path) -> OfficialLists[np.ndarray]:
    """Read the classes of ``categories.txt``, the images of ``objects.json``, and the test images of ``test.txt``.

    A class is present where an object has it as a name or a synset, else absent. ``categories.txt`` has a class per
    line, as ``tree`` or ``tree.n.01``, whose order is kept; ``test.txt`` has an image per line, as ``2405722`` or
    ``2405722.jpg``. Without ``test.txt`` all images are for training.

    Args:
        root: holds these files, ``VG_100K/`` and ``VG_100K_2/``, in ``visual-genome/`` or itself.

    Raises:
        UserError: a file is missing or damaged, or names something twice or something that does not exist.
    """
    objects = require_file("visual-genome", root, ["visual-genome/objects.json", "objects.json"])
    folder = objects.parent
    hint = " (a class per line; the list of VG-200 is not public, so you have to give one)"
    classes = _lines(require_file("visual-genome", folder, ["categories.txt"], hint=hint))
    test = first_file(folder, ["test.txt"])
    column = {name: k for k, name in enumerate(classes)}
    parts = tuple(part for part in _PARTS if (folder / part).is_dir()) or _PARTS
    names_in = _load(objects)
    test_images = {Path(line).stem for line in _lines(test)} if test else set()
    if unknown := test_images - names_in.keys():
        raise UserError(f"'{test}' names image {min(unknown)}, which '{objects.name}' lacks; correct the list")
    at = {file.stem: f"{part}/{file.name}" for part in parts for file in (folder / part).glob("*.jpg")}
    images: list[ListedImage[np.ndarray]] = []
    for image, names in names_in.items():
        marks = np.full(len(classes), ABSENT, np.int8)
        marks[[column[name] for name in names if name in column]] = PRESENT
        path, split = at.get(image, f"{parts[0]}/{image}.jpg"), TEST if image in test_images else TRAIN
        images.append(ListedImage(f"{objects.name}: image {image}", path, marks, split))
    notes = () if test else ("without 'test.txt', a test image per line, all images are for training",)
    return OfficialLists("visual-genome", folder, parts, classes, images, notes, keep_order=True)


def _lines(file: Path) -> tuple[str, ...]:
    with explain_damage(file):
        lines = [" ".join(line.split()) for line in file.read_text(encoding="utf-8-sig").splitlines()]
        lines = [line.lower() for line in lines if line]
        if not lines or len(set(lines)) < len(lines):
            raise ValueError("a line is there twice" if lines else "it is empty")
        return tuple(lines)


def _load(file: Path) -> dict[str, frozenset[str]]:
    """Read the names and synsets in each image, by its number, which the first version of the file calls ``id``."""
    with explain_damage(file):
        entries = json.loads(file.read_bytes(), object_hook=_shorten)
        numbers = [str(int(entry.get("image_id", entry.get("id")))) for entry in entries]
        found = {number: frozenset().union(*entry["objects"]) for number, entry in zip(numbers, entries, strict=True)}
        if not found or len(found) < len(entries):
            raise ValueError("an image is there twice" if found else "it is empty")
        return found


def _shorten(item: dict[str, Any]) -> Any:
    """Keep only the names of an object while reading."""
    if "names" not in item:
        return item
    return frozenset(" ".join(name.lower().split()) for name in [*item["names"], *item.get("synsets", [])])
