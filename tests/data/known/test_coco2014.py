"""MS-COCO 2014 in its official annotations."""

import json
from pathlib import Path
from typing import Any

import pytest

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.errors import UserError

CATEGORIES = [
    {"supercategory": "animal", "id": 90, "name": "cat"},
    {"supercategory": "vehicle", "id": 3, "name": "car"},
    {"supercategory": "person", "id": 1, "name": "person"},
]


def outline(image: int, category: int, crowd: int = 0) -> dict[str, Any]:
    shape = {"counts": [1, 2], "size": [80, 90]} if crowd else [[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]
    return {"segmentation": shape, "iscrowd": crowd, "image_id": image, "category_id": category, "id": image * 10}


def save(folder: Path, part: str, images: tuple[int, ...], annotations: list, categories: list | None = None) -> None:
    listed = [{"id": n, "file_name": f"COCO_{part}_{n:012d}.jpg", "height": 80, "width": 90} for n in images]
    content = {"info": {}, "images": listed, "annotations": annotations, "categories": categories or CATEGORIES}
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / f"annotations/instances_{part}.json").write_text(json.dumps(content))


@pytest.fixture
def coco(tmp_path: Path, paint) -> Path:
    """Return a folder with two cats and a crowd in image 9, nothing in image 4 and a car in image 7."""
    for part, images in (("train2014", (9, 4)), ("val2014", (7,))):
        for image in images:
            paint(f"coco/{part}/COCO_{part}_{image:012d}.jpg", size=(90, 80))
    save(tmp_path / "data/coco", "train2014", (9, 4), [outline(9, 90), outline(9, 90), outline(9, 1, crowd=1)])
    save(tmp_path / "data/coco", "val2014", (7,), [outline(7, 3)])
    return tmp_path / "data"


@pytest.mark.parametrize("folder", [".", "coco"])
def test_annotations_become_marks_and_keep_the_order_of_the_file(coco: Path, folder: str) -> None:
    dataset = read(MARKS, "coco2014", root=coco / folder)
    assert (dataset.name, dataset.classes) == ("coco2014", ("person", "car", "cat"))
    assert dataset.paths == (
        "train2014/COCO_train2014_000000000009.jpg",
        "train2014/COCO_train2014_000000000004.jpg",
        "val2014/COCO_val2014_000000000007.jpg",
    )
    assert dataset.labels.tolist() == [[1, -1, 1], [-1, -1, -1], [-1, 1, -1]]
    assert dataset.splits.tolist() == [TRAIN, TRAIN, TEST]


@pytest.mark.parametrize(
    ("annotations", "categories", "words"),
    [
        ([outline(8, 3)], None, "damaged.*8"),
        ([outline(7, 2)], None, "damaged.*2"),
        ([], [CATEGORIES[0]], "different classes"),
        ([], [CATEGORIES[0], CATEGORIES[0] | {"id": 4}], "a class twice"),
        ([{"image_id": 7}], None, "damaged"),
    ],
)
def test_impossible_annotations_are_named(coco: Path, annotations: list, categories: list | None, words: str) -> None:
    save(coco / "coco", "val2014", (7,), annotations, categories)
    with pytest.raises(UserError, match=rf"instances_val2014\.json.*{words}"):
        read(MARKS, "coco2014", root=coco)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"images": [', b"\xff\xfe"])
def test_a_damaged_file_is_named(coco: Path, content: bytes) -> None:
    (coco / "coco/annotations/instances_train2014.json").write_bytes(content)
    with pytest.raises(UserError, match=r"instances_train2014\.json' is damaged"):
        read(MARKS, "coco2014", root=coco)


def test_missing_files_are_named_with_a_remedy(coco: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"instances_train2014\.json' for the data set 'coco2014'; .*--root"):
        read(MARKS, "coco2014", root=tmp_path / "elsewhere")
    (coco / "coco/annotations/instances_val2014.json").unlink()
    with pytest.raises(UserError, match=r"instances_val2014\.json"):
        read(MARKS, "coco2014", root=coco)
