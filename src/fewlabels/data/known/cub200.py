"""The text files of CUB-200-2011 (Wah, Branson, Welinder, Perona and Belongie, 2011)."""

from collections.abc import Mapping
from pathlib import Path

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_lists import OfficialLists
from fewlabels.errors import UserError

FILES = ("images", "image_class_labels", "train_test_split", "classes")
"""Each of ``.txt``."""
_SPLITS = {"1": TRAIN, "0": TEST}


def read_lists(files: Mapping[str, Path]) -> OfficialLists:
    """Lines of a number and what belongs to it: an image's path, its class number, 1 for training; a class's name.

    Args:
        files: by the names in ``FILES``; the images lie in ``images/`` beside them.

    Raises:
        UserError: a file is damaged, or they do not go together.
    """
    images, labels, training, classes = (_read(files[name]) for name in FILES)
    for name, found in (("image_class_labels", labels), ("train_test_split", training)):
        if odd := found.keys() ^ images.keys():
            what = f"and '{files['images'].name}' beside it differ: only one of them has image {min(odd)}"
            raise UserError(f"'{files[name]}' {what}; get both again")
    with naming(files["image_class_labels"]):
        names = [classes[number] for number in (labels[image] for image in images)]
    with naming(files["train_test_split"]):
        splits = [_SPLITS[training[image]] for image in images]
    where = [f"{files['images'].name} row {row}" for row in range(1, len(images) + 1)]
    paths = [f"images/{path}" for path in images.values()]
    rows = list(zip(where, paths, names, splits, strict=True))
    return OfficialLists("cub200", files["images"].parent, ("images",), tuple(classes.values()), rows)


def _read(file: Path) -> dict[str, str]:
    with naming(file):
        lines = [line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines()]
        found = {number: value.strip() for number, value in lines}
        if not found or len(found) < len(lines):
            raise ValueError("a number is there twice" if found else "it is empty")
        return found
