"""ImageNet-1k (ILSVRC 2012) in the public lists of Choe et al., "Evaluating weakly supervised object localization
methods right" (CVPR 2020; github.com/clovaai/wsolevaluation): a folder of lists per split, without headers.

``class_labels.txt`` has lines path,label; ``localization.txt`` path,x0,y0,x1,y1; ``image_sizes.txt`` path,width,height.
Their CUB has the same form.
"""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.data.labels.boxes_csv import BoxRow

SPLITS = {"train": TRAIN, "test": TEST}
"""Their test is the official validation part, of 50,000 images. Their val (ImageNetV2, by which they choose thresholds
with the help of boxes) is not read."""


def read_lists(files: Mapping[str, Path], folder: Path) -> OfficialLists:
    """The classes are the folders of the training images (wnids), in the order of their numbers.

    Args:
        files: ``class_labels.txt`` of each of ``SPLITS``.
        folder: holds ``train/`` and ``val/``, to which the paths are relative.

    Raises:
        UserError: a list is damaged, or they do not go together.
    """
    told = {name: _read_labels(files[name]) for name in SPLITS}
    with naming(files["train"]):
        wnids = {number: PurePosixPath(path).parent.name for path, number in told["train"]}
        if sorted(wnids) != list(range(len(wnids))) or len(set(wnids.values())) < len(wnids):
            raise ValueError("its classes are not the numbers from 0, each with a folder of its own")
    rows: list[ListedImage] = []
    for name, split in SPLITS.items():
        with naming(files[name]):
            for line, (path, number) in enumerate(told[name], 1):
                rows.append((f"{name}/{files[name].name} row {line}", path, wnids[number], split))
    classes = tuple(wnids[number] for number in sorted(wnids))
    return OfficialLists("imagenet", folder, ("train", "val"), classes, rows)


def is_localization(file: Path) -> bool:
    """Whether its first line is a path and four numbers, and so no header."""
    try:
        with file.open(encoding="utf-8") as lines:
            _box(next(lines, ""))
    except (OSError, ValueError):
        return False
    return True


def read_localization(file: Path) -> list[BoxRow]:
    """The boxes of ``localization.txt``, several lines of an image being several boxes.

    Where ``image_sizes.txt`` lies beside it, it says which size the pixels are of: the images may be smaller copies.

    Raises:
        UserError: a file is damaged.
    """
    sizes: dict[str, tuple[float, float]] = {}
    if (beside := file.with_name("image_sizes.txt")).is_file():
        with naming(beside):
            for path, width, height in (line.rsplit(",", 2) for line in _lines(beside)):
                sizes[path] = (_positive(width), _positive(height))
    with naming(file):
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
    with naming(file):
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
