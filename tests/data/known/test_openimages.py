"""Open Images V3 in its official CSVs, with a few of its images."""

from pathlib import Path

import pytest

from fewlabels.data.dataset import TEST, TRAIN, VAL
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.errors import UserError

HEAD = "ImageID,Source,LabelName,Confidence\n"
HUMAN = {
    "train": "aa,verification,/m/1,1\naa,verification,/m/2,0\naa,verification,/m/9,1\nzz,verification,/m/1,1\n",
    "validation": "cc,human,/m/2,1\n",
    "test": "dd,human,/m/1,0\n",
}
MACHINE = {"train": "aa,machine,/m/2,0.9\naa,machine,/m/3,0.7\nbb,machine,/m/1,0.4\n", "test": "dd,machine,/m/2,0.9\n"}


@pytest.fixture
def images(tmp_path: Path, paint) -> Path:
    """Return a root with training images aa and bb; zz is only in the lists, class /m/9 is not trainable."""
    root = tmp_path / "data"
    for path in ("train/aa.jpg", "train/bb.jpg", "validation/cc.jpg", "test/dd.jpg"):
        paint(path, size=(90, 80))
    for part, text in HUMAN.items():
        (root / "2017_11" / part).mkdir(parents=True)
        (root / "2017_11" / part / "annotations-human.csv").write_text(HEAD + text)
    for part, text in MACHINE.items():
        (root / "2017_11" / part / "annotations-machine.csv").write_text(HEAD + text)
    (root / "2017_11/classes-trainable.txt").write_text("/m/1\n/m/2\n/m/3\n")
    (root / "2017_11/class-descriptions.csv").write_text('/m/1,"Lemon, lime"\n/m/2,Cat\n/m/3,Cat\n/m/9,Dog\n')
    return root


def test_verified_labels_override_machine_labels_of_training_images(images: Path) -> None:
    dataset = read(MARKS, "openimages", root=images)
    assert dataset.paths == ("train/aa.jpg", "train/bb.jpg", "validation/cc.jpg", "test/dd.jpg")
    assert dataset.splits.tolist() == [TRAIN, TRAIN, VAL, TEST]
    assert dataset.labels.tolist() == [[1, -1, 1], [0, 0, 0], [0, 1, 0], [-1, 0, 0]]


def test_classes_have_names_and_equal_names_get_their_codes(images: Path) -> None:
    assert read(MARKS, "openimages", root=images).classes == ("Lemon, lime", "Cat (/m/2)", "Cat (/m/3)")
    (images / "2017_11/class-descriptions.csv").unlink()
    assert read(MARKS, "openimages", root=images).classes == ("/m/1", "/m/2", "/m/3")


def test_without_machine_labels_only_verified_labels_are_known(images: Path) -> None:
    (images / "2017_11/train/annotations-machine.csv").unlink()
    assert read(MARKS, "openimages", root=images).labels[0].tolist() == [1, -1, 0]


def test_images_may_be_next_to_the_lists_and_a_split_may_be_missing(images: Path) -> None:
    for part in ("train", "test"):
        for file in (images / part).iterdir():
            file.rename(images / "2017_11" / part / file.name)
        (images / part).rmdir()
    (images / "validation/cc.jpg").unlink()
    for root in (images, images / "2017_11"):
        assert read(MARKS, "openimages", root=root).paths == ("train/aa.jpg", "train/bb.jpg", "test/dd.jpg")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged"),
        ("ImageID,LabelName\n", "its first line is not"),
        (HEAD + "aa,machine,/m/1\n", "damaged"),
        (HEAD + "aa,machine,/m/1,high\n", "damaged"),
    ],
)
def test_a_damaged_list_is_named(images: Path, text: str, words: str) -> None:
    (images / "2017_11/train/annotations-machine.csv").write_text(text)
    with pytest.raises(UserError, match=rf"annotations-machine\.csv.*{words}"):
        read(MARKS, "openimages", root=images)


def test_missing_lists_and_images_are_named_with_a_remedy(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"classes-trainable\.txt' for the data set 'openimages'; .*--root"):
        read(MARKS, "openimages", root=tmp_path / "elsewhere")
    (images / "2017_11/train/annotations-human.csv").unlink()
    with pytest.raises(UserError, match=r"annotations-human\.csv' for the data set 'openimages'"):
        read(MARKS, "openimages", root=images)
    for file in images.glob("*/*.jpg"):
        file.unlink()
    with pytest.raises(UserError, match=r"no image in train/.* 'openimages'; put .*--root"):
        read(MARKS, "openimages", root=images)
