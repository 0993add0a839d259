"""The files of Tiny-ImageNet-200 (Stanford CS231n), as they are unpacked."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.formats import naming
from fewlabels.data.known.official_lists import ListedImage, OfficialLists
from fewlabels.data.labels.boxes_csv import BoxRow

FILES = ("wnids.txt", "words.txt", "val/val_annotations.txt")


def read_lists(folder: Path) -> OfficialLists:
    """Training images by the folder of their class, and the official validation part, which has labels, as test.

    The official test part has no labels and is not read. The boxes beside the labels are passed over here.

    Args:
        folder: ``tiny-imagenet-200``, which holds ``FILES``, ``train/WNID/images/`` and ``val/images/``.

    Raises:
        UserError: a list is damaged, or they do not go together.
    """
    wnids = _read_wnids(folder / "wnids.txt")
    with naming(folder / "words.txt"):
        names = dict(zip(wnids, class_names(wnids, _read_words(folder / "words.txt")), strict=True))
    rows: list[ListedImage] = []
    for wnid, name in names.items():
        images = sorted(file.name for file in (folder / "train" / wnid / "images").glob("*.JPEG"))
        rows += [(f"train/{wnid}", f"train/{wnid}/images/{image}", name, TRAIN) for image in images]
    with naming(folder / FILES[2]):
        rows += [(where, path, names[wnid], TEST) for where, path, wnid, _ in _read_val(folder)]
    return OfficialLists("tiny-imagenet", folder, ("train", "val"), tuple(names.values()), rows)


def class_names(wnids: Sequence[str], words: dict[str, str]) -> list[str]:
    """The first of a class's words; with the wnid where two classes would be called the same, but for case or spaces.

    A wnid alone says nothing to whoever looks at predictions, and all the words are a line of their own.
    """
    short = [words[wnid].split(",")[0].strip() for wnid in wnids]
    alike = ["".join(name.casefold().split()) for name in short]
    count = Counter(alike)
    return [f"{name} ({wnid})" if count[key] > 1 else name for name, wnid, key in zip(short, wnids, alike, strict=True)]


def read_boxes(folder: Path) -> list[BoxRow]:
    """The boxes of both parts, as they are written: the last pixel of 64 is 63, and some boxes have no area.

    Raises:
        UserError: a list is damaged.
    """
    rows = []
    for file in sorted((folder / "train").glob("*/*_boxes.txt")):
        with naming(file):
            for number, (image, *box) in _lines(file, 5):
                path = f"train/{file.parent.name}/images/{image}"
                rows.append(BoxRow(f"{file.name} row {number}", path, tuple(map(float, box))))
    with naming(folder / FILES[2]):
        rows += [BoxRow(where, path, tuple(map(float, box))) for where, path, _, box in _read_val(folder)]
    return rows


def _read_val(folder: Path) -> Iterator[tuple[str, str, str, list[str]]]:
    """Where it stands, the image's path, its wnid, its box."""
    file = folder / FILES[2]
    for number, (image, wnid, *box) in _lines(file, 6):
        yield f"{file.name} row {number}", f"val/images/{image}", wnid, box


def _read_wnids(file: Path) -> list[str]:
    with naming(file):
        wnids = file.read_text(encoding="utf-8").split()
        if not wnids or len(set(wnids)) < len(wnids):
            raise ValueError("a class is there twice" if wnids else "it is empty")
        return wnids


def _read_words(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines if line.strip())


def _lines(file: Path, cells: int) -> Iterator[tuple[int, list[str]]]:
    """The numbers of the lines and what stands in them between tabs."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        found = line.split("\t")
        if len(found) != cells:
            raise ValueError(f"row {number} has {len(found)} cells, not {cells}")
        yield number, found
