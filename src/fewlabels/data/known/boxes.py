"""The boxes of known data sets, by name: for evaluation alone. None where the files of the boxes are not there."""

from collections.abc import Callable
from pathlib import Path

from fewlabels.data.known import imagenet_wsol, tiny_imagenet
from fewlabels.data.known.formats import naming
from fewlabels.data.known.locate import first
from fewlabels.data.labels.boxes_csv import BoxRow

TINY_FOLDERS = ("tiny-imagenet-200/", "")
"""Where Tiny-ImageNet lies below the root,"""
WSOL_FOLDERS = ("metadata/ILSVRC/", "imagenet/metadata/ILSVRC/")
"""and the lists of ImageNet."""


def known_boxes(name: str, root: Path) -> list[BoxRow] | None:
    """The boxes of the known data set of that name; None if it has none, or if their files are not there.

    Args:
        name: one of ``KNOWN_NAMES``.
        root: the folder that holds the data set's files.

    Raises:
        UserError: a file is damaged.
    """
    reader = _READERS.get(name)
    return reader(root) if reader else None


def _digit_scenes(root: Path) -> list[BoxRow]:
    """Of the one digit in each scene that ``known.py`` draws."""
    from fewlabels.data.known.scenes import draw_scenes

    drawn = {"train": draw_scenes(1500, 0, "train"), "test": draw_scenes(500, 0, "test")}
    paths = [(f"{split}/{row:06d}", boxes) for split, scenes in drawn.items() for row, boxes in enumerate(scenes.boxes)]
    return [BoxRow(path, path, box[1:]) for path, boxes in paths for box in boxes]


def _cub200(root: Path) -> list[BoxRow] | None:
    """``bounding_boxes.txt``: lines of an image's number, x, y, width and height, in pixels of the stored image."""
    images, boxes = (first(root, [f"CUB_200_2011/{name}.txt", f"{name}.txt"]) for name in ("images", "bounding_boxes"))
    if images is None or boxes is None:
        return None
    with naming(images):
        paths = dict(line.split(maxsplit=1) for line in images.read_text(encoding="utf-8").splitlines())
    rows = []
    with naming(boxes):
        for row, line in enumerate(boxes.read_text(encoding="utf-8").splitlines(), 1):
            image, *numbers = line.split()
            x, y, width, height = map(float, numbers)
            path = f"images/{paths[image].strip()}"
            rows.append(BoxRow(f"{boxes.name} row {row}", path, (x, y, x + width, y + height)))
    return rows


def _tiny_imagenet(root: Path) -> list[BoxRow] | None:
    wnids = first(root, [f"{folder}wnids.txt" for folder in TINY_FOLDERS])
    return tiny_imagenet.read_boxes(wnids.parent) if wnids else None


def _imagenet(root: Path) -> list[BoxRow] | None:
    """Of test, and of train if somebody has put such a list there: none is public."""
    found = [first(root, [f"{at}{split}/localization.txt" for at in WSOL_FOLDERS]) for split in imagenet_wsol.SPLITS]
    lists = [imagenet_wsol.read_localization(file) for file in found if file]
    return [row for rows in lists for row in rows] if lists else None


_READERS: dict[str, Callable[[Path], list[BoxRow] | None]] = {
    "digit-scenes": _digit_scenes,
    "cub200": _cub200,
    "tiny-imagenet": _tiny_imagenet,
    "imagenet": _imagenet,
}
