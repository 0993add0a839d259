"""A user's folder: its data set, and its faults."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewlabels.data.check import check
from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, VAL, Dataset, FileImages
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.labels.names import sorted_classes
from fewlabels.data.pixels import scan
from fewlabels.data.pixels.decode import decode
from fewlabels.data.read import read, read_unlabelled
from fewlabels.errors import UserError


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def rows(dataset: Dataset) -> dict[str, tuple[str, int]]:
    names = dict(enumerate(dataset.classes)) | {UNLABELLED: ""}
    given = zip(dataset.paths, dataset.labels.tolist(), dataset.splits.tolist(), strict=True)
    return {path: (names[label], split) for path, label, split in given}


def faults(data: Path, labels: Path | None = None) -> list[str]:
    return [str(fault) for fault in check(CLASSES, str(data), labels).faults]


def notes(data: Path) -> list[str]:
    return [str(note) for note in check(CLASSES, str(data)).notes]


def test_a_csv_labels_images_in_nested_folders(data: Path, paint) -> None:
    for path in ("b.png", "d.png", "x/y/a.png", "x/c.jpg", "t.png"):
        paint(path)
    (data / "labels.csv").write_text(
        "path,label,split\nx/y/a.png,cat,\nd.png,dog,train\nb.png,dog,val\nt.png,cat,test\n"
    )
    dataset = read(CLASSES, str(data))
    assert rows(dataset) == {
        "b.png": ("dog", VAL),
        "d.png": ("dog", TRAIN),
        "t.png": ("cat", TEST),
        "x/c.jpg": ("", TRAIN),
        "x/y/a.png": ("cat", TRAIN),
    }


@pytest.fixture
def small(data: Path, paint) -> Path:
    """Return a folder of two labelled cats, two labelled dogs and one unlabelled image."""
    for path in ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "unlabelled/1.png"):
        paint(path)
    return data


def test_folders_are_classes_and_unlabelled_is_none(small: Path, paint) -> None:
    paint("loose.png")
    dataset = read(CLASSES, str(small))
    assert dataset.classes == ("cat", "dog")
    assert dataset.paths == ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "loose.png", "unlabelled/1.png")
    assert dataset.labels.tolist() == [0, 0, 1, 1, UNLABELLED, UNLABELLED]
    assert (dataset.labels.dtype, dataset.splits.dtype) == (np.int64, np.int8)
    assert dataset.name == "data"
    assert any("1 image is outside the class folders" in note for note in dataset.notes)


def test_top_folders_may_be_splits(data: Path, paint) -> None:
    for path in ("train/cat/1.png", "train/dog/1.png", "train/unlabeled/1.png", "val/cat/1.png", "test/dog/9.png"):
        paint(path)
    assert rows(read(CLASSES, str(data))) == {
        "test/dog/9.png": ("dog", TEST),
        "train/cat/1.png": ("cat", TRAIN),
        "train/dog/1.png": ("dog", TRAIN),
        "train/unlabeled/1.png": ("", TRAIN),
        "val/cat/1.png": ("cat", VAL),
    }


def test_a_class_may_be_called_train(data: Path, paint) -> None:
    for path in ("train/1.png", "bus/1.png"):
        paint(path)
    assert rows(read(CLASSES, str(data))) == {"bus/1.png": ("bus", TRAIN), "train/1.png": ("train", TRAIN)}


def test_a_folder_next_to_the_splits_is_a_fault(data: Path, paint) -> None:
    for path in ("train/cat/1.png", "train/dog/1.png", "valid/cat/1.png"):
        paint(path)
    assert faults(data) == [
        "valid/: is next to train/, val/ or test/ but is none of them; rename it (did you mean 'val'?)"
    ]


@pytest.mark.parametrize("path", ["a.png", "images/a.png"])
def test_a_folder_without_labels_is_all_unlabelled(data: Path, paint, path: str) -> None:
    paint(path)
    dataset = read(CLASSES, str(data))
    assert (dataset.classes, dataset.labels.tolist()) == ((), [UNLABELLED])


def test_hidden_files_other_files_and_runs_are_not_data(small: Path, paint) -> None:
    before = read(CLASSES, str(small)).paths
    for path in (".hidden.png", ".git/a.png", "runs/first/a.png", "runs/second/checkpoint/a.png", "__MACOSX/._1.png"):
        paint(path)
    (small / "notes.txt").write_text("hello")
    (small / "cat" / "photo.heic").write_text("")
    for run in ("first", "second"):
        (small / "runs" / run / "config.yaml").write_text("")
    (small / "runs/first/metrics.json").write_text("{}")
    dataset = read(CLASSES, str(small))
    assert dataset.paths == before
    assert dataset.notes == ("1 .heic files are not read; convert them to .jpg or .png if they are data",)


def test_classes_are_sorted_by_number_where_all_are_numbers() -> None:
    assert sorted_classes({"10", "9", "2"}) == ("2", "9", "10")
    assert sorted_classes({"10", "9", "b"}) == ("10", "9", "b")
    assert sorted_classes({"10", "9", "nan"}) == ("10", "9", "nan")


def test_sizes_are_those_after_exif_rotation(data: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (30, 20)).save(data / "a.jpg", exif=exif)
    images = read(CLASSES, str(data)).images
    assert isinstance(images, FileImages)
    assert images.sizes.tolist() == [[20, 30]]
    assert images.grey


@pytest.mark.parametrize(("side", "flip"), [(64, "none"), (65, "horizontal")])
def test_only_photographs_are_flipped(data: Path, paint, side: int, flip: str) -> None:
    paint("a.png", size=(100, side))
    assert read(CLASSES, str(data)).flip == flip


def test_one_coloured_image_makes_the_data_coloured(data: Path, paint) -> None:
    paint("a.png", mode="L")
    assert read(CLASSES, str(data)).images.grey  # type: ignore[union-attr]
    paint("b.png")
    assert not read(CLASSES, str(data)).images.grey  # type: ignore[union-attr]


@pytest.fixture
def hostile(small: Path, paint) -> Path:
    """Return the small folder with one of each kind of bad file."""
    jpeg = paint("cat/cut.jpg", size=(80, 80))
    jpeg.write_bytes(jpeg.read_bytes()[:1500])
    (small / "cat/empty.png").write_bytes(b"")
    (small / "dog/text.png").write_text("not a picture")
    return small


def test_every_bad_file_is_listed_at_once(hostile: Path) -> None:
    found = faults(hostile)
    assert [fault.split(":")[0] for fault in found] == ["cat/cut.jpg", "cat/empty.png", "dog/text.png"]
    for fault, word in zip(found, ("truncated", "empty", "not an image"), strict=True):
        assert word in fault
        assert fault.endswith("; replace or delete it")


def test_training_names_the_first_fault_and_the_count(hostile: Path) -> None:
    with pytest.raises(DataFaults) as caught:
        read(CLASSES, str(hostile))
    text = str(caught.value)
    assert text.startswith("cat/cut.jpg: is truncated")
    assert text.endswith(f"(and 2 more; `fewlabels check {hostile}` lists all)")
    assert len(caught.value.faults) == 3


def test_skip_bad_leaves_them_out_and_notes_it(hostile: Path) -> None:
    dataset = read(CLASSES, str(hostile), skip_bad=True)
    assert dataset.paths == ("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png", "unlabelled/1.png")
    assert sum(note.startswith("left out: ") for note in dataset.notes) == 3


def test_a_bad_row_with_skip_bad_leaves_out_that_row_alone(data: Path, paint) -> None:
    for path in ("a.png", "b.png", "c.png"):
        paint(path)
    (data / "labels.csv").write_text("path,label\na.png,cat\nx.png,cat\nb.png,dog\n")
    assert rows(read(CLASSES, str(data), skip_bad=True)) == {
        "a.png": ("cat", TRAIN),
        "b.png": ("dog", TRAIN),
        "c.png": ("", TRAIN),
    }


def test_skip_bad_does_not_accept_a_bad_header(small: Path) -> None:
    (small / "labels.csv").write_text("file,label\n")
    with pytest.raises(DataFaults, match="did you mean 'file'"):
        read(CLASSES, str(small), skip_bad=True)


def test_skip_bad_does_not_accept_data_without_a_good_image(data: Path) -> None:
    (data / "a.png").write_bytes(b"")
    with pytest.raises(DataFaults, match=r"a\.png: is empty"):
        read(CLASSES, str(data), skip_bad=True)


def test_same_bytes_with_two_labels_are_a_fault_and_both_left_out(small: Path, paint) -> None:
    paint("cat/same.png", seed=1)
    paint("dog/same.png", seed=1)
    assert len(faults(small)) == 1
    assert "cat/same.png: the same bytes as 'dog/same.png', but labelled 'cat' and that 'dog'" in faults(small)[0]
    assert not {"cat/same.png", "dog/same.png"} & set(read(CLASSES, str(small), skip_bad=True).paths)


@pytest.mark.parametrize("label", ["cat", "unlabelled"])
def test_a_training_copy_of_a_test_image_is_a_leak(data: Path, paint, label: str) -> None:
    for path in ("train/cat/1.png", "train/dog/1.png"):
        paint(path)
    paint(f"train/{label}/same.png", seed=1)
    paint("test/cat/same.png", seed=1)
    assert len(faults(data)) == 1
    assert f"train/{label}/same.png: a train image, the same bytes as 'test/cat/same.png' in test" in faults(data)[0]
    left = read(CLASSES, str(data), skip_bad=True).paths
    assert "test/cat/same.png" in left
    assert f"train/{label}/same.png" not in left


def test_other_copies_are_notes(small: Path, paint) -> None:
    paint("cat/same.png", seed=1)
    paint("unlabelled/same.png", seed=1)
    assert not faults(small)
    assert notes(small) == ["'unlabelled/same.png' is an exact copy of 'cat/same.png'"]


def test_check_lists_all_copies_and_training_names_a_few(small: Path, paint) -> None:
    for number in range(6):
        paint(f"unlabelled/copy{number}.png", seed=1)
    assert len(notes(small)) == 5
    shown = read(CLASSES, str(small)).notes
    assert len(shown) == 4
    assert shown[-1].startswith("2 more")


def test_labels_that_differ_in_case_or_space_are_a_fault_at_the_rarer_one(data: Path, paint) -> None:
    for number in range(4):
        paint(f"{number}.png")
    (data / "labels.csv").write_text("path,label\n0.png,Red fox\n1.png,red fox\n2.png,red  fox\n3.png,red fox\n")
    assert [fault.split(":")[0] for fault in faults(data)] == ["labels.csv row 2", "labels.csv row 4"]
    assert "label 'Red fox' (1x) differs from 'red fox' (2x)" in faults(data)[0]


def test_a_class_that_only_the_test_split_has_is_a_fault(data: Path, paint) -> None:
    for path in ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/fox/1.png"):
        paint(path)
    assert faults(data) == [
        "test/fox/1.png: class 'fox' has no labelled training image; label one in train, or remove the class"
    ]
    assert read(CLASSES, str(data), skip_bad=True).classes == ("cat", "dog")


def test_a_folder_of_test_images_alone_can_be_evaluated(data: Path, paint) -> None:
    paint("test/cat/1.png")
    paint("test/dog/1.png")
    assert read(CLASSES, str(data)).rows(TEST).tolist() == [0, 1]


def test_an_image_in_the_folder_of_another_class_is_noted(small: Path) -> None:
    (small / "labels.csv").write_text("path,label\ncat/1.png,cat\ncat/2.png,dog\ndog/1.png,dog\n")
    assert notes(small) == ["labels.csv row 3: 'cat/2.png' is labelled 'dog' but is in the folder 'cat'"]


def test_training_on_images_in_a_test_folder_is_noted(data: Path, paint) -> None:
    for path in ("train/1.png", "train/2.png", "test/3.png"):
        paint(path)
    (data / "labels.csv").write_text("path,label\ntrain/1.png,cat\ntrain/2.png,dog\n")
    assert notes(data) == ["1 images in test/ are used for training: the labels do not put them into 'test'"]


def test_uneven_labels_are_noted(data: Path, paint) -> None:
    for number in range(5):
        paint(f"cat/{number}.png")
    paint("dog/0.png")
    assert not notes(data)
    paint("cat/5.png")
    assert notes(data) == ["the labels are uneven: class 'cat' has 6 and 'dog' 1"]


def test_an_unread_csv_is_noted(small: Path) -> None:
    (small / "annotations.csv").write_text("path,label\n")
    assert notes(small) == ["'annotations.csv' is not read; if it holds the labels, name it with --labels"]


def test_links_out_of_the_folder_are_faults(small: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.new("L", (4, 4), 9).save(outside / "a.png")
    os.symlink(outside / "a.png", small / "cat/link.png")
    os.symlink(outside, small / "fox")
    os.symlink(small / "nothing.png", small / "cat/broken.png")
    os.symlink(small, small / "cat/loop")
    found = faults(small)
    assert [fault.split(":")[0] for fault in found] == ["cat/broken.png", "cat/link.png", "fox"]
    assert "cat/link.png" not in read(CLASSES, str(small), skip_bad=True).paths


def test_a_file_name_that_is_not_utf8_is_a_fault_that_can_be_printed(small: Path, paint) -> None:
    try:
        os.rename(paint("cat/x.png"), os.fsencode(small) + b"/cat/\xff\n.png")
    except OSError:
        pytest.skip("this file system takes no such name")
    assert faults(small) == ["cat/\\udcff\\n.png: the file name is not UTF-8; rename it"]
    faults(small)[0].encode()


@pytest.mark.parametrize(("name", "words"), [("none", "no folder"), ("file.zip", "is a file"), ("empty", "no image")])
def test_a_path_that_is_no_folder_of_images_is_a_user_error(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "file.zip").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=words):
        read(CLASSES, str(tmp_path / name))


def test_good_and_bad_images_are_decoded_once(
    hostile: Path, paint, monkeypatch: pytest.MonkeyPatch, own_cache: Path
) -> None:
    decoded: list[str] = []

    def counted(path: Path) -> Image.Image:
        decoded.append(path.name)
        return decode(path)

    monkeypatch.setattr(scan, "decode", counted)
    first = check(CLASSES, str(hostile))
    assert len(decoded) == 8
    decoded.clear()
    again = check(CLASSES, str(hostile))
    assert not decoded
    assert again.lines() == first.lines()

    os.utime(hostile / "dog/2.png", ns=(1, 1))
    paint("dog/text.png")
    assert len(faults(hostile)) == 2
    assert sorted(decoded) == ["2.png", "text.png"]

    decoded.clear()
    (file,) = own_cache.rglob("*.json")
    for damage in ("{", "[]", '{"images": 3}', file.read_text().replace("true", "7"), "\x00" * 50):
        file.write_text(damage)
        assert len(faults(hostile)) == 2
    assert len(decoded) == 4 * 8 + 6


def test_the_order_of_images_does_not_depend_on_the_cache(small: Path) -> None:
    before = read(CLASSES, str(small)).paths
    os.utime(small / "cat/1.png", ns=(1, 1))
    assert read(CLASSES, str(small)).paths == before == tuple(sorted(before))


def test_nothing_is_written_into_the_data(small: Path) -> None:
    before = sorted(small.rglob("*"))
    read(CLASSES, str(small))
    assert sorted(small.rglob("*")) == before


def test_an_unwritable_cache_is_ignored(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "file"))
    assert len(read(CLASSES, str(small))) == 5


def test_progress_counts_to_the_number_of_images(small: Path) -> None:
    seen: list[tuple[int, int]] = []
    read(CLASSES, str(small), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]


def test_the_check_ends_with_a_summary(small: Path) -> None:
    assert check(CLASSES, str(small)).lines() == [
        "data: 5 images: 4 labelled and 1 unlabelled for training; 2 classes (cat, dog)",
        "no faults",
    ]


def test_images_to_predict_are_a_folder_or_one_file(hostile: Path) -> None:
    one = read_unlabelled(hostile / "cat/2.png")
    assert (one.paths, one.classes, one.labels.tolist()) == (("2.png",), (), [UNLABELLED])
    with pytest.raises(DataFaults, match=r"cat/cut\.jpg"):
        read_unlabelled(hostile)
    assert len(read_unlabelled(hostile, skip_bad=True)) == 5
    with pytest.raises(DataFaults, match="is empty"):
        read_unlabelled(hostile / "cat/empty.png")
    with pytest.raises(UserError, match="no folder"):
        read_unlabelled(hostile / "none")
