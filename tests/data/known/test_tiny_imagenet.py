"""Tiny-ImageNet: a few images in the official form."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fewlabels.data.dataset import SPLITS
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.read import read
from fewlabels.data.true_boxes import read_boxes
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions

WNIDS = ("n02124075", "n04067472", "n04540053")
"""Not in alphabetical order of their words."""


@pytest.fixture
def tiny(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Return a folder with two training images and one of val for each of three classes."""
    folder = tmp_path / "data/tiny-imagenet-200"
    val = []
    for number, wnid in enumerate(WNIDS):
        for image in (0, 1):
            paint(f"tiny-imagenet-200/train/{wnid}/images/{wnid}_{image}.JPEG", size=(64, 64))
        paint(f"tiny-imagenet-200/val/images/val_{number}.JPEG", size=(64, 64))
        (folder / f"train/{wnid}/{wnid}_boxes.txt").write_text(
            f"{wnid}_0.JPEG\t0\t10\t63\t58\n{wnid}_1.JPEG\t{number}\t5\t{number}\t9\n"
        )
        val.append(f"val_{number}.JPEG\t{wnid}\t0\t32\t44\t62\n")
    paint("tiny-imagenet-200/test/images/test_0.JPEG", size=(64, 64))
    (folder / "wnids.txt").write_text("\n".join(WNIDS))
    words = "n00001740\tentity\nn02124075\tEgyptian cat\nn04067472\treel\nn04540053\tvolleyball, a ball\n"
    (folder / "words.txt").write_text(words)
    (folder / "val/val_annotations.txt").write_text("".join(val))
    return folder


@pytest.mark.parametrize("root", ["..", "."], ids=["the folder above", "the folder itself"])
def test_val_is_the_test_split_and_classes_keep_the_order_of_the_wnids(tiny: Path, root: str) -> None:
    dataset = read(CLASSES, "tiny-imagenet", root=tiny / root)
    assert (dataset.name, dataset.flip, dataset.notes) == ("tiny-imagenet", "horizontal", ())
    assert dataset.classes == ("Egyptian cat", "reel", "volleyball")
    given = zip(dataset.paths, dataset.labels.tolist(), dataset.splits.tolist(), strict=True)
    assert sorted((path, label, SPLITS[split]) for path, label, split in given) == sorted(
        [(f"train/{w}/images/{w}_{i}.JPEG", n, "train") for n, w in enumerate(WNIDS) for i in (0, 1)]
        + [(f"val/images/val_{n}.JPEG", n, "test") for n in range(3)]
    )


def test_classes_with_the_same_word_get_their_wnids(tiny: Path) -> None:
    (tiny / "words.txt").write_text("n02124075\tcrane, a bird\nn04067472\tCrane\nn04540053\tdam, dike\n")
    assert read(CLASSES, "tiny-imagenet", root=tiny).classes == ("crane (n02124075)", "Crane (n04067472)", "dam")


def test_the_boxes_of_both_parts_are_the_official_integers_and_some_have_no_area(tiny: Path) -> None:
    dataset = read(CLASSES, "tiny-imagenet", root=tiny)
    boxes = read_boxes(dataset, TrainOptions(data="tiny-imagenet", root=str(tiny)))
    assert boxes is not None
    assert boxes.row.tolist() == list(range(9))
    pixels = dict(zip(dataset.paths, (boxes.corners * 64).tolist(), strict=True))
    assert pixels[f"train/{WNIDS[2]}/images/{WNIDS[2]}_0.JPEG"] == [0, 10, 63, 58]
    assert pixels[f"train/{WNIDS[2]}/images/{WNIDS[2]}_1.JPEG"] == [2, 5, 2, 9]
    assert pixels["val/images/val_1.JPEG"] == [0, 32, 44, 62]


def test_the_labels_are_read_without_the_boxes(tiny: Path) -> None:
    for file in tiny.glob("train/*/*_boxes.txt"):
        file.unlink()
    assert len(read(CLASSES, "tiny-imagenet", root=tiny)) == 9


def test_a_listed_image_that_is_not_there_is_a_fault(tiny: Path) -> None:
    (tiny / "val/images/val_1.JPEG").unlink()
    with pytest.raises(DataFaults, match=r"^val_annotations\.txt row 2: no image 'val/images/val_1\.JPEG'"):
        read(CLASSES, "tiny-imagenet", root=tiny)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("wnids.txt", "", "it is empty"),
        ("wnids.txt", "n02124075\nn02124075\n", "there twice"),
        ("words.txt", "n02124075 Egyptian cat\n", "ValueError"),
        ("words.txt", "n02124075\tEgyptian cat\n", "n04067472"),
        ("val/val_annotations.txt", "val_0.JPEG\tn02124075\n", "row 1 has 2 cells, not 6"),
        ("val/val_annotations.txt", "val_0.JPEG\tn00000001\t0\t0\t1\t1\n", "n00000001"),
    ],
)
def test_a_list_that_is_not_what_its_name_says_is_named(tiny: Path, name: str, text: str, words: str) -> None:
    (tiny / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name}' is damaged.*{words}"):
        read(CLASSES, "tiny-imagenet", root=tiny)


def test_a_damaged_list_of_boxes_is_named(tiny: Path) -> None:
    dataset = read(CLASSES, "tiny-imagenet", root=tiny)
    (tiny / f"train/{WNIDS[0]}/{WNIDS[0]}_boxes.txt").write_text("a.JPEG\t1\t2\tx\t4\n")
    with pytest.raises(UserError, match=rf"{WNIDS[0]}_boxes\.txt' is damaged.*'x'"):
        read_boxes(dataset, TrainOptions(data="tiny-imagenet", root=str(tiny)))
