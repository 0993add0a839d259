"""ImageNet-1k (ILSVRC 2012) in the public lists of wsolevaluation, a folder per split, without headers.

Source: Choe et al., "Evaluating weakly supervised object localization methods right" (CVPR 2020;
github.com/clovaai/wsolevaluation). ``class_labels.txt`` has lines path,label; ``localization.txt`` has
path,x0,y0,x1,y1; ``image_sizes.txt`` has path,width,height. Its lists of CUB have the same form.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.files import explain_damage, first_file, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.data.labels.boxes_csv import BoxRow

_SPLITS = {"train": TRAIN, "test": TEST}
"""Their test is the official validation part of 50,000 images. Their val (ImageNetV2, on which they choose thresholds
with the help of boxes) is not read."""
_LISTS = ("metadata/ILSVRC/", "imagenet/metadata/ILSVRC/")
_IMAGES = ("", "imagenet", "ILSVRC", "dataset/ILSVRC", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
"""Where ``train/`` and ``val/`` may be: on their own, as in wsolevaluation, or as unpacked."""


def read_imagenet(root: Path) -> OfficialLists[str]:
    """Read the lists of 1,281,167 / 50,000 photographs of 1,000 classes.

    The classes are the folders of the training images (wnids), in the order of their numbers.

    Args:
        root: holds ``metadata/ILSVRC/`` with the lists, and the images in ``train/`` and ``val/`` somewhere below.

    Raises:
        UserError: a list is missing or damaged, or the lists do not go together.
    """
    files = {
        split: require_file("imagenet", root, [f"{folder}{split}/class_labels.txt" for folder in _LISTS])
        for split in _SPLITS
    }
    places = (root / folder for folder in _IMAGES)
    folder = next((place for place in places if (place / "train").is_dir()), root)
    return _read_lists(files, folder)


def _read_lists(files: Mapping[str, Path], folder: Path) -> OfficialLists[str]:
    labels = {name: _read_labels(files[name]) for name in _SPLITS}
    with explain_damage(files["train"]):
        wnids = {number: PurePosixPath(path).parent.name for path, number in labels["train"]}
        if sorted(wnids) != list(range(len(wnids))) or len(set(wnids.values())) < len(wnids):
            raise ValueError("its classes are not the numbers from 0, each with a folder of its own")
    images: list[ListedImage[str]] = []
    for name, split in _SPLITS.items():
        with explain_damage(files[name]):
            for line, (path, number) in enumerate(labels[name], 1):
                images.append(ListedImage(f"{name}/{files[name].name} row {line}", path, wnids[number], split))
    classes = tuple(wnids[number] for number in sorted(wnids))
    return OfficialLists("imagenet", folder, ("train", "val"), classes, images)


def read_imagenet_boxes(root: Path) -> list[BoxRow] | None:
    """Read the boxes of test, and of train if there is such a list (none is public).

    Returns:
        None if both lists are missing.

    Raises:
        UserError: a list is damaged.
    """
    found = [first_file(root, [f"{folder}{split}/localization.txt" for folder in _LISTS]) for split in _SPLITS]
    lists = [read_localization(file) for file in found if file]
    return [row for rows in lists for row in rows] if lists else None


def is_localization(file: Path) -> bool:
    """Return whether the first line of a file is a path and four numbers, and so no header."""
    try:
        with file.open(encoding="utf-8") as lines:
            _box(next(lines, ""))
    except (OSError, ValueError):
        return False
    return True


def read_localization(file: Path) -> list[BoxRow]:
    """Read the boxes of a ``localization.txt``; several lines of an image are several boxes.

    An ``image_sizes.txt`` next to it states the size that the pixels refer to: the images may be smaller copies.

    Raises:
        UserError: a file is damaged.
    """
    sizes: dict[str, tuple[float, float]] = {}
    if (size_list := file.with_name("image_sizes.txt")).is_file():
        with explain_damage(size_list):
            for path, width, height in (line.rsplit(",", 2) for line in _lines(size_list)):
                sizes[path] = (_positive(width), _positive(height))
    with explain_damage(file):
        rows = []
        for number, line in enumerate(_lines(file), 1):
            try:
                path, box = _box(line)
            except ValueError as error:
                raise ValueError(f"row {number}: {error}") from error
            rows.append(BoxRow(f"{file.name} row {number}", path, box, sizes.get(path)))
        return rows


def _box(line: str) -> tuple[str, tuple[float, ...]]:
    path, *numbers = line.strip().rsplit(",", 4)
    if len(numbers) < 4:
        raise ValueError("not path,x0,y0,x1,y1")
    return path, tuple(float(number) for number in numbers)


def _read_labels(file: Path) -> list[tuple[str, int]]:
    with explain_damage(file):
        rows = [line.rsplit(",", 1) for line in _lines(file)]
        if not rows:
            raise ValueError("it is empty")
        return [(path, int(number)) for path, number in rows]


def _positive(number: str) -> float:
    if float(number) > 0:
        return float(number)
    raise ValueError(f"an image of size {number}")


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
