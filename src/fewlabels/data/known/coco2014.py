"""MS-COCO 2014 (Lin et al., 2014): photographs with 80 classes."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN
from fewlabels.data.known.files import explain_damage, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.errors import UserError

_SPLITS = {"train2014": TRAIN, "val2014": TEST}


def read_coco2014(root: Path) -> OfficialLists[np.ndarray]:
    """Read ``instances_train2014.json`` for training and ``instances_val2014.json`` for test.

    A class is present where it has an annotation, a crowd's too, else absent. All 82,783 and 40,504 images are read,
    those without an annotation too. Classes are in the order of their numbers, images in the order of the file.

    Args:
        root: holds ``annotations/``, ``train2014/`` and ``val2014/``, in ``coco2014/``, in ``coco/`` or itself.

    Raises:
        UserError: a file is missing or damaged, or the files do not go together.
    """
    first_list = "annotations/instances_train2014.json"
    found = require_file("coco2014", root, [f"{folder}{first_list}" for folder in ("coco2014/", "coco/", "")])
    folder = found.parents[1]
    files = [folder / "annotations" / f"instances_{part}.json" for part in _SPLITS]
    contents = [_load(file) for file in files]
    classes = contents[0]["classes"]
    if contents[1]["classes"] != classes:
        raise UserError(f"'{files[0]}' and '{files[1].name}' next to it name different classes; get both again")
    column = {number: k for k, number in enumerate(classes)}
    listed: list[ListedImage[np.ndarray]] = []
    for file, content, (part, split) in zip(files, contents, _SPLITS.items(), strict=True):
        marks = _marks(file, content, column)
        for label, (number, name) in zip(marks, content["images"].items(), strict=True):
            listed.append(ListedImage(f"{file.name}: image {number}", f"{part}/{name}", label, split))
    return OfficialLists("coco2014", folder, tuple(_SPLITS), tuple(classes.values()), listed, keep_order=True)


def _load(file: Path) -> dict[str, Any]:
    """Read the names of images and classes by their numbers, and pairs of both numbers."""
    with explain_damage(file):
        content = json.loads(file.read_bytes(), object_hook=_shorten)
        images = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
        classes = {int(kind["id"]): str(kind["name"]) for kind in content["categories"]}
        if not images or not classes or len(set(classes.values())) < len(classes):
            raise ValueError("no image, no class, or a class twice")
        return {"images": images, "classes": dict(sorted(classes.items())), "marks": content["annotations"]}


def _marks(file: Path, content: dict[str, Any], column: dict[int, int]) -> np.ndarray:
    """Return (N, K) int8: PRESENT where an image has an annotation of a class, else ABSENT."""
    with explain_damage(file):
        row = {number: n for n, number in enumerate(content["images"])}
        marks = np.full((len(row), len(column)), ABSENT, np.int8)
        for image, category in content["marks"]:
            marks[row[image], column[category]] = PRESENT
    return marks


def _shorten(item: dict[str, Any]) -> Any:
    """Drop the outlines while reading: they would take gigabytes."""
    return (item["image_id"], item["category_id"]) if "category_id" in item else item
