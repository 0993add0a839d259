"""The annotations of MS-COCO 2014 (Lin et al., 2014)."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_marks import OfficialMarks
from fewlabels.errors import UserError

PARTS = {"train2014": TRAIN, "val2014": TEST}


def read_annotations(folder: Path) -> OfficialMarks:
    """``annotations/instances_train2014.json`` for training and ``instances_val2014.json`` for test.

    A class is present where it has an annotation, a crowd's too, else absent. All 82,783 and 40,504 images are taken,
    those without an annotation too. Classes are in the order of their numbers, images in the order of the file.

    Args:
        folder: holds ``annotations/``, ``train2014/`` and ``val2014/``.

    Raises:
        UserError: a file is damaged, or they do not go together.
    """
    files = [folder / "annotations" / f"instances_{part}.json" for part in PARTS]
    contents = [_load(file) for file in files]
    classes = contents[0]["classes"]
    if contents[1]["classes"] != classes:
        raise UserError(f"'{files[0]}' and '{files[1].name}' beside it name different classes; get both again")
    column = {number: k for k, number in enumerate(classes)}
    rows, marks = [], []
    for file, content, (part, split) in zip(files, contents, PARTS.items(), strict=True):
        with naming(file):
            row = {number: n for n, number in enumerate(content["images"])}
            found = np.full((len(row), len(classes)), ABSENT, np.int8)
            for image, category in content["marks"]:
                found[row[image], column[category]] = PRESENT
        rows += [
            (f"{file.name}: image {number}", f"{part}/{name}", split) for number, name in content["images"].items()
        ]
        marks.append(found)
    return OfficialMarks("coco2014", folder, tuple(PARTS), tuple(classes.values()), rows, np.concatenate(marks))


def _load(file: Path) -> dict[str, Any]:
    with naming(file):
        content = json.loads(file.read_bytes(), object_hook=_shorten)
        images = {int(image["id"]): str(image["file_name"]) for image in content["images"]}
        classes = {int(kind["id"]): str(kind["name"]) for kind in content["categories"]}
        if not images or not classes or len(set(classes.values())) < len(classes):
            raise ValueError("no image, no class, or a class twice")
        return {"images": images, "classes": dict(sorted(classes.items())), "marks": content["annotations"]}


def _shorten(item: dict[str, Any]) -> Any:
    """Outlines take gigabytes once read, so they are dropped at once."""
    return (item["image_id"], item["category_id"]) if "category_id" in item else item
