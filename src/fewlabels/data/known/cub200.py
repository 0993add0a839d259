"""CUB-200-2011 (Wah, Branson, Welinder, Perona and Belongie, 2011): whole photographs of 200 kinds of bird."""

from pathlib import Path

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.files import explain_damage, first_file, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.data.labels.boxes_csv import BoxRow
from fewlabels.errors import UserError

_LISTS = ("images", "image_class_labels", "train_test_split", "classes")
_SPLITS = {"1": TRAIN, "0": TEST}


def read_cub200(root: Path) -> OfficialLists[str]:
    """Read the lists of 5,994 / 5,794 images.

    Each line has a number and what belongs to it: an image's path, its class number, 1 for training; a class's name.

    Args:
        root: holds the lists and ``images/``, in ``CUB_200_2011/`` or itself.

    Raises:
        UserError: a list is missing or damaged, or the lists do not go together.
    """
    files = {name: require_file("cub200", root, _places(name)) for name in _LISTS}
    images, labels, training, classes = (_read(files[name]) for name in _LISTS)
    for name, found in (("image_class_labels", labels), ("train_test_split", training)):
        if odd := found.keys() ^ images.keys():
            what = f"and '{files['images'].name}' next to it differ: only one of them has image {min(odd)}"
            raise UserError(f"'{files[name]}' {what}; get both again")
    with explain_damage(files["image_class_labels"]):
        names = [classes[labels[image]] for image in images]
    with explain_damage(files["train_test_split"]):
        splits = [_SPLITS[training[image]] for image in images]
    listed = [
        ListedImage(f"{files['images'].name} row {row}", f"images/{path}", name, split)
        for row, (path, name, split) in enumerate(zip(images.values(), names, splits, strict=True), 1)
    ]
    return OfficialLists("cub200", files["images"].parent, ("images",), tuple(classes.values()), listed)


def read_cub200_boxes(root: Path) -> list[BoxRow] | None:
    """Read ``bounding_boxes.txt``: lines of an image's number, x, y, width and height, in pixels of the stored image.

    Returns:
        None if the list is missing.

    Raises:
        UserError: a list is damaged.
    """
    images, boxes = (first_file(root, _places(name)) for name in ("images", "bounding_boxes"))
    if images is None or boxes is None:
        return None
    paths = _read(images)
    rows = []
    with explain_damage(boxes):
        for row, line in enumerate(boxes.read_text(encoding="utf-8").splitlines(), 1):
            image, *numbers = line.split()
            x, y, width, height = map(float, numbers)
            rows.append(BoxRow(f"{boxes.name} row {row}", f"images/{paths[image]}", (x, y, x + width, y + height)))
    return rows


def _places(name: str) -> list[str]:
    return [f"CUB_200_2011/{name}.txt", f"{name}.txt"]


def _read(file: Path) -> dict[str, str]:
    """Read lines of a number and a value."""
    with explain_damage(file):
        lines = [line.split(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines()]
        found = {number: value.strip() for number, value in lines}
        if not found or len(found) < len(lines):
            raise ValueError("a number is there twice" if found else "it is empty")
        return found
