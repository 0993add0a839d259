"""Tiny-ImageNet-200 (Stanford CS231n), as its archive unpacks: images of 64 x 64 with 200 classes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.files import explain_damage, first_file, require_file
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.data.labels.boxes_csv import BoxRow

_FOLDERS = ("tiny-imagenet-200/", "")
_VAL = "val/val_annotations.txt"


def read_tiny_imagenet(root: Path) -> OfficialLists[str]:
    """Read 100,000 training images by the folder of their class; the 10,000 of the validation part are for test.

    The official test part has no labels and is not read.

    Args:
        root: holds ``wnids.txt``, ``words.txt``, ``train/WNID/images/``, ``val/val_annotations.txt`` and
            ``val/images/``, in ``tiny-imagenet-200/`` or itself.

    Raises:
        UserError: a list is missing or damaged, or the lists do not go together.
    """
    lists = ("wnids.txt", "words.txt", _VAL)
    files = [require_file("tiny-imagenet", root, [f"{folder}{name}" for folder in _FOLDERS]) for name in lists]
    folder = files[0].parent
    wnids = _read_wnids(folder / "wnids.txt")
    with explain_damage(folder / "words.txt"):
        names = dict(zip(wnids, class_names(wnids, _read_words(folder / "words.txt")), strict=True))
    images: list[ListedImage[str]] = []
    for wnid, name in names.items():
        files = sorted(file.name for file in (folder / "train" / wnid / "images").glob("*.JPEG"))
        images += [ListedImage(f"train/{wnid}", f"train/{wnid}/images/{file}", name, TRAIN) for file in files]
    with explain_damage(folder / _VAL):
        images += [ListedImage(where, path, names[wnid], TEST) for where, path, wnid, _ in _read_val(folder)]
    return OfficialLists("tiny-imagenet", folder, ("train", "val"), tuple(names.values()), images)


def class_names(wnids: Sequence[str], words: dict[str, str]) -> list[str]:
    """Return the first word of each class, with the wnid where two classes would differ only in case or spaces.

    Args:
        wnids: WordNet numbers such as ``n02124075``.
        words: the words of each, separated by commas.
    """
    short = [words[wnid].split(",")[0].strip() for wnid in wnids]
    alike = ["".join(name.casefold().split()) for name in short]
    count = Counter(alike)
    return [f"{name} ({wnid})" if count[key] > 1 else name for name, wnid, key in zip(short, wnids, alike, strict=True)]


def read_tiny_imagenet_boxes(root: Path) -> list[BoxRow] | None:
    """Read the boxes of both parts as they are written: the last pixel of 64 is 63, and some boxes have no area.

    Returns:
        None if the data set is missing.

    Raises:
        UserError: a list is damaged.
    """
    first = first_file(root, [f"{folder}wnids.txt" for folder in _FOLDERS])
    if first is None:
        return None
    folder, rows = first.parent, []
    for file in sorted((folder / "train").glob("*/*_boxes.txt")):
        with explain_damage(file):
            for number, (image, *box) in _lines(file, 5):
                path = f"train/{file.parent.name}/images/{image}"
                rows.append(BoxRow(f"{file.name} row {number}", path, tuple(map(float, box))))
    with explain_damage(folder / _VAL):
        rows += [BoxRow(where, path, tuple(map(float, box))) for where, path, _, box in _read_val(folder)]
    return rows


def _read_val(folder: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Yield the row, the path, the wnid and the box of each validation image."""
    file = folder / _VAL
    for number, (image, wnid, *box) in _lines(file, 6):
        yield f"{file.name} row {number}", f"val/images/{image}", wnid, box


def _read_wnids(file: Path) -> list[str]:
    with explain_damage(file):
        wnids = file.read_text(encoding="utf-8").split()
        if not wnids or len(set(wnids)) < len(wnids):
            raise ValueError("a class is there twice" if wnids else "it is empty")
        return wnids


def _read_words(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if line.strip())


def _lines(file: Path, cells: int) -> Iterator[tuple[int, list[str]]]:
    """Yield the number and the tab-separated cells of each line; ValueError if their number differs from ``cells``."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = line.split("\t")
        if len(found) != cells:
            raise ValueError(f"row {number} has {len(found)} cells, not {cells}")
        yield number, found
