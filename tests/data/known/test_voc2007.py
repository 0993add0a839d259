"""Pascal VOC 2007 in its official lists."""

from pathlib import Path

import pytest

from fewlabels.data.check import check
from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN
from fewlabels.data.known.class_names import VOC
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.errors import UserError

IMAGES = {"trainval": ("000012", "000005"), "test": ("000001",)}
"""Not sorted: the order of the lists is kept."""


@pytest.fixture
def voc(tmp_path: Path, paint) -> Path:
    """Return the folder above VOCdevkit: a car in 000012, difficult cars in 000005, a cat in 000001."""
    folder = tmp_path / "data/VOCdevkit/VOC2007"
    (folder / "ImageSets/Main").mkdir(parents=True)
    for split, images in IMAGES.items():
        for image in images:
            paint(f"VOCdevkit/VOC2007/JPEGImages/{image}.jpg", size=(90, 80))
        for name in VOC:
            mark = {("car", "000012"): " 1", ("car", "000005"): " 0", ("cat", "000001"): " 1"}
            text = "".join(f"{image} {mark.get((name, image), '-1')}\n" for image in images)
            (folder / f"ImageSets/Main/{name}_{split}.txt").write_text(text)
    return tmp_path / "data"


def listing(voc: Path, name: str) -> Path:
    return voc / "VOCdevkit/VOC2007/ImageSets/Main" / f"{name}.txt"


@pytest.mark.parametrize("folder", [".", "VOCdevkit", "VOCdevkit/VOC2007"])
def test_trainval_is_for_training_and_the_order_of_the_lists_is_kept(voc: Path, folder: str) -> None:
    dataset = read(MARKS, "voc2007", root=voc / folder)
    assert (dataset.name, dataset.classes, dataset.flip) == ("voc2007", VOC, "horizontal")
    assert dataset.paths == tuple(f"JPEGImages/{image}.jpg" for image in ("000012", "000005", "000001"))
    assert dataset.splits.tolist() == [TRAIN, TRAIN, TEST]


def test_a_class_with_only_difficult_objects_is_unknown(voc: Path) -> None:
    labels = read(MARKS, "VOC2007", root=voc).labels
    for row, name, mark in ((0, "car", PRESENT), (1, "car", UNKNOWN), (2, "cat", PRESENT)):
        expected = [ABSENT] * 20
        expected[VOC.index(name)] = mark
        assert labels[row].tolist() == expected


def test_there_are_twenty_classes_in_alphabetical_order() -> None:
    assert len(VOC) == 20
    assert list(VOC) == sorted(VOC)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("cat_trainval", "", "it is empty"),
        ("cat_trainval", "000012 1\n000012 1\n", "there twice"),
        ("cat_trainval", "000012 2\n000005 1\n", "KeyError"),
        ("cat_trainval", "000012\n000005 1\n", "damaged"),
        ("cat_test", "000002 1\n", "only one of them has image 000001; get both again"),
    ],
)
def test_a_damaged_list_is_named(voc: Path, name: str, text: str, words: str) -> None:
    listing(voc, name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}\.txt.*{words}"):
        read(MARKS, "voc2007", root=voc)


def test_a_missing_part_is_named_with_a_remedy(voc: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"aeroplane_trainval\.txt' for the data set 'voc2007'; .*--root"):
        read(MARKS, "voc2007", root=tmp_path / "elsewhere")
    listing(voc, "sofa_test").unlink()
    with pytest.raises(UserError, match=r"no file '.*sofa_test\.txt'.*VOCtest.*--root"):
        read(MARKS, "voc2007", root=voc)


def test_missing_and_damaged_images_are_faults_that_can_be_left_out(voc: Path) -> None:
    images = voc / "VOCdevkit/VOC2007/JPEGImages"
    (images / "000005.jpg").unlink()
    (images / "000012.jpg").write_bytes(b"")
    with pytest.raises(DataFaults, match=rf"`fewlabels check voc2007 --root {voc}`"):
        read(MARKS, "voc2007", root=voc)
    assert len(check(MARKS, "voc2007", root=voc).faults) == 2
    assert read(MARKS, "voc2007", root=voc, skip_bad=True).paths == ("JPEGImages/000001.jpg",)
