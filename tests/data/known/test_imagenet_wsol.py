"""ImageNet in the lists of wsolevaluation, and boxes in lists of the same form for other data."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fewlabels.data.dataset import SPLITS
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read
from fewlabels.data.true_boxes import TrueBoxes, read_boxes
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions

TRAIN = {"train/n01440764/n01440764_18.JPEG": 0, "train/n01443537/n01443537_2.JPEG": 1}
VAL = {"val/ILSVRC2012_val_00000001.JPEG": 1, "val/ILSVRC2012_val_00000002.JPEG": 0}
FIRST, SECOND = VAL


@pytest.fixture
def imagenet(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Return a root with two training images of 80 x 60 and two of the official validation part."""
    for path in (*TRAIN, *VAL):
        paint(path, size=(80, 60))
    root = tmp_path / "data"
    for split, rows in (("train", TRAIN), ("test", VAL)):
        folder = root / "metadata/ILSVRC" / split
        folder.mkdir(parents=True)
        (folder / "class_labels.txt").write_text("".join(f"{path},{label}\n" for path, label in rows.items()))
        (folder / "image_ids.txt").write_text("".join(f"{path}\n" for path in rows))
        (folder / "image_sizes.txt").write_text("".join(f"{path},80,60\n" for path in rows))
    boxes = f"{FIRST},8,6,16,12\n{FIRST},40,30,80,60\n{SECOND},0,0,40,60\n"
    (root / "metadata/ILSVRC/test/localization.txt").write_text(boxes)
    return root


def boxes_in(root: Path) -> TrueBoxes:
    found = read_boxes(read(CLASSES, "imagenet", root=root), TrainOptions(data="imagenet", root=str(root)))
    assert found is not None
    return found


@pytest.mark.parametrize("place", ["", "dataset/ILSVRC", "ILSVRC/Data/CLS-LOC"])
def test_the_official_validation_part_is_test_and_the_classes_are_wnids(imagenet: Path, place: str) -> None:
    for part in ("train", "val") if place else ():
        (imagenet / place).mkdir(parents=True, exist_ok=True)
        (imagenet / part).rename(imagenet / place / part)
    dataset = read(CLASSES, "imagenet", root=imagenet)
    assert (dataset.name, dataset.classes) == ("imagenet", ("n01440764", "n01443537"))
    given = zip(dataset.paths, dataset.labels.tolist(), dataset.splits.tolist(), strict=True)
    assert {(path, label, SPLITS[split]) for path, label, split in given} == {
        *((path, label, "train") for path, label in TRAIN.items()),
        *((path, label, "test") for path, label in VAL.items()),
    }


def test_test_images_have_one_or_several_boxes(imagenet: Path) -> None:
    boxes = boxes_in(imagenet)
    assert boxes.row.tolist() == [2, 2, 3]
    assert boxes.corners.tolist() == [[0.1, 0.1, 0.2, 0.2], [0.5, 0.5, 1, 1], [0, 0, 0.5, 1]]


def test_smaller_copies_of_the_images_keep_their_boxes(imagenet: Path) -> None:
    before = boxes_in(imagenet).corners.tolist()
    folder = imagenet / "metadata/ILSVRC/test"
    (folder / "image_sizes.txt").write_text(f"{FIRST},800,600\n{SECOND},800,600\n")
    (folder / "localization.txt").write_text(f"{FIRST},80,60,160,120\n{FIRST},400,300,800,600\n{SECOND},0,0,400,600\n")
    assert boxes_in(imagenet).corners.tolist() == before


def test_without_the_list_there_are_no_boxes(imagenet: Path) -> None:
    (imagenet / "metadata/ILSVRC/test/localization.txt").unlink()
    assert (
        read_boxes(read(CLASSES, "imagenet", root=imagenet), TrainOptions(data="imagenet", root=str(imagenet))) is None
    )


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("train/class_labels.txt", "", "it is empty"),
        ("train/class_labels.txt", "train/n1/a.JPEG\n", "ValueError"),
        ("train/class_labels.txt", "train/n1/a.JPEG,0\ntrain/n2/b.JPEG,2\n", "not the numbers from 0"),
        ("train/class_labels.txt", "train/n1/a.JPEG,0\ntrain/n1/b.JPEG,1\n", "a folder of its own"),
        ("test/class_labels.txt", "val/a.JPEG,7\n", "KeyError: 7"),
        ("test/localization.txt", "val/a.JPEG,1,2,3\n", "row 1: not path,x0,y0,x1,y1"),
        ("test/localization.txt", "val/a.JPEG,1,2,3,4\nval/a.JPEG,1,2,x,4\n", "row 2: .*'x'"),
        ("test/image_sizes.txt", "val/a.JPEG,0,60\n", "an image of size 0"),
    ],
)
def test_a_list_that_is_not_what_its_name_says_is_named(imagenet: Path, name: str, text: str, words: str) -> None:
    (imagenet / "metadata/ILSVRC" / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}' is damaged.*{words}"):
        boxes_in(imagenet)


def test_a_list_of_the_same_form_may_be_given_for_cub_whose_paths_begin_with_images(
    tmp_path: Path, paint: Callable[..., Path]
) -> None:
    for path in ("images/001.Albatross/1.jpg", "images/001.Albatross/2.jpg"):
        paint(path, size=(80, 60))
    folder, file = tmp_path / "data", tmp_path / "localization.txt"
    file.write_text("001.Albatross/2.jpg,8,6,16,12\n002.Not_here/1.jpg,1,1,2,2\n")
    boxes = read_boxes(read(CLASSES, str(folder)), TrainOptions(data=str(folder), boxes=str(file)))
    assert boxes is not None
    assert (boxes.row.tolist(), boxes.corners.tolist()) == ([1], [[0.1, 0.1, 0.2, 0.2]])
    assert boxes.notes == ("1 boxes of images that are not among the data are not used",)
    file.write_text("002.Not_here/1.jpg,1,1,2,2\n")
    with pytest.raises(UserError, match=r"localization\.txt' names no image of data \(first '002\.Not_here/1\.jpg'\)"):
        read_boxes(read(CLASSES, str(folder)), TrainOptions(data=str(folder), boxes=str(file)))
