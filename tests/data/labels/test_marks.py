"""A folder of images with a CSV of marks: its data set, its faults and its notes."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from fewlabels.data.check import check
from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, FileImages
from fewlabels.data.labels.csv_rows import open_table
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.labels.marks_csv import is_marks_csv, read_marks_csv
from fewlabels.data.read import read
from fewlabels.errors import UserError

GOOD = "path,split,cat,dog\na.png,,1,0\nb.png,,0,1\nc.png,,,\nt.png,test,1,1\n"


@pytest.fixture
def data(tmp_path: Path, paint) -> Path:
    for name in ("a", "b", "c", "t"):
        paint(f"{name}.png", size=(90, 70))
    (tmp_path / "data/labels.csv").write_text(GOOD)
    return tmp_path / "data"


def notes(data: Path, csv: str) -> list[str]:
    (data / "labels.csv").write_text(csv)
    report = check(MARKS, str(data))
    assert not report.faults
    return [str(note) for note in report.notes]


def test_a_folder_and_its_csv_become_marks_for_every_class_and_image(data: Path) -> None:
    dataset = read(MARKS, str(data), skip_bad=False)
    assert dataset.classes == ("cat", "dog")
    assert dataset.paths == ("a.png", "b.png", "c.png", "t.png")
    assert (dataset.labels.dtype, dataset.labels.tolist()) == (np.int8, [[1, -1], [-1, 1], [0, 0], [1, 1]])
    assert dataset.splits.tolist() == [TRAIN, TRAIN, TRAIN, TEST]
    assert isinstance(dataset.images, FileImages)
    assert dataset.flip == "horizontal"


def test_the_csv_may_be_elsewhere_and_one_is_needed(data: Path, tmp_path: Path) -> None:
    (data / "labels.csv").rename(tmp_path / "my.csv")
    assert read(MARKS, str(data), tmp_path / "my.csv", Path()).labels[0].tolist() == [PRESENT, ABSENT]
    with pytest.raises(UserError, match=r"no 'labels\.csv' in .*--labels"):
        read(MARKS, str(data))


def test_an_image_without_a_row_is_an_unlabelled_training_image(data: Path, paint) -> None:
    paint("new.png")
    dataset = read(MARKS, str(data))
    row = dataset.paths.index("new.png")
    assert (dataset.labels[row].tolist(), dataset.splits[row]) == ([UNKNOWN, UNKNOWN], TRAIN)
    assert "2 of 4 train images have no known label: they are unlabelled (first 'c.png')" in dataset.notes


def test_the_first_fault_is_named_and_with_skip_bad_the_rest_is_read(data: Path) -> None:
    (data / "a.png").write_bytes(b"no image")
    (data / "labels.csv").write_text(GOOD.replace("b.png,,0,1", "b.png,,0,3"))
    with pytest.raises(DataFaults, match="and 1 more; `fewlabels check"):
        read(MARKS, str(data))
    dataset = read(MARKS, str(data), skip_bad=True)
    assert dataset.left_out == ("a.png", "b.png")
    assert dataset.paths == ("c.png", "t.png")


def test_copies_with_contradicting_marks_are_a_fault(data: Path) -> None:
    shutil.copy(data / "a.png", data / "b.png")
    with pytest.raises(DataFaults, match=r"a\.png: the same bytes as 'b\.png', but class 'cat' is present here"):
        read(MARKS, str(data))


def test_copies_whose_marks_do_not_contradict_are_a_note(data: Path) -> None:
    shutil.copy(data / "a.png", data / "c.png")
    assert "'c.png' is an exact copy of 'a.png'" in read(MARKS, str(data)).notes


def test_a_training_copy_of_a_test_image_is_a_leak(data: Path) -> None:
    shutil.copy(data / "t.png", data / "c.png")
    with pytest.raises(DataFaults, match=r"c\.png: a train image, the same bytes as 't\.png' in test"):
        read(MARKS, str(data))


def test_a_class_without_any_training_label_is_noted(data: Path) -> None:
    csv = "path,split,cat,dog,cow\na.png,,1,0,\nb.png,,0,1,\nc.png,,1,1,\nt.png,test,1,1,1\n"
    assert notes(data, csv) == ["class 'cow' has no known label in training"]


def test_a_class_that_is_only_ever_present_is_noted(data: Path) -> None:
    csv = "path,split,cat,dog\na.png,,1,\nb.png,,0,1\nc.png,,1,1\nt.png,test,1,1\n"
    assert notes(data, csv) == ["class 'dog' is only ever present in training"]


def test_marks_that_are_all_positive_are_noted(data: Path) -> None:
    csv = "path,split,cat,dog\na.png,,1,\nb.png,,,1\nc.png,,1,1\nt.png,test,1,1\n"
    (note,) = notes(data, csv)
    assert "every known training label says 'present'" in note
    assert "mark some classes absent (0)" in note


def test_a_class_without_positives_in_test_and_unscored_images_are_noted(data: Path) -> None:
    csv = "path,split,cat,dog\na.png,,1,0\nb.png,,0,1\nc.png,test,,\nt.png,test,1,0\n"
    assert notes(data, csv) == [
        "1 of 2 test images have no known label: they are not scored (first 'c.png')",
        "class 'dog' is present in no test image: its metrics are left out",
    ]


def test_data_without_training_labels_are_for_predict_and_evaluate(data: Path) -> None:
    csv = "path,split,cat\na.png,test,1\nb.png,test,0\nc.png,test,1\nt.png,test,1\n"
    assert notes(data, csv) == []


def test_check_says_how_much_is_known(data: Path) -> None:
    lines = check(MARKS, str(data)).lines()
    assert lines[-2] == (
        "data: 4 images: 2 labelled and 1 unlabelled for training, 1 for test, 66.7% of the training labels known; "
        "2 classes (cat, dog)"
    )
    assert lines[-1] == "no faults"


def test_an_unknown_name_gets_the_nearest_known_data_set(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'voc2007'"):
        read(MARKS, "voc207", root=tmp_path)
    with pytest.raises(UserError, match="has its own labels"):
        read(MARKS, "voc2007", tmp_path / "x.csv", tmp_path)


def test_the_benchmark_csv_is_read_as_it_is(shared_data: Path) -> None:
    file = shared_data / "voc2007_sub.csv"
    table = open_table(file, "")
    assert isinstance(table, tuple)
    files = [row.cells[0] for row in table.rows]
    marks = read_marks_csv(file, files)
    assert is_marks_csv(file)
    assert (marks.faults, marks.notes, len(marks.classes)) == ([], [], 20)
    assert marks.classes[18] == "train"  # a class, not the split
    all_marks = np.stack([found.label for found in marks.images.values()])
    assert (all_marks == UNKNOWN).sum() == 163  # only difficult objects
    assert [sum(found.split == split for found in marks.images.values()) for split in (TRAIN, TEST)] == [800, 365]


def test_the_benchmark_boxes_make_a_long_csv_of_the_same_positives(shared_data: Path, tmp_path: Path) -> None:
    wide = read_marks_csv(shared_data / "voc2007_sub.csv", sorted(_paths(shared_data / "voc2007_sub.csv")))
    boxes = open_table(shared_data / "voc2007_sub_boxes.csv", "")
    assert isinstance(boxes, tuple)
    certain = {(row.cells[0], row.cells[1]) for row in boxes.rows if row.cells[6] == "0"}
    (tmp_path / "long.csv").write_text("path,label,present\n" + "".join(f"{p},{c},1\n" for p, c in sorted(certain)))
    long = read_marks_csv(tmp_path / "long.csv", list(wide.images))
    assert long.classes == wide.classes
    for path, found in long.images.items():
        np.testing.assert_array_equal(found.label == PRESENT, wide.images[path].label == PRESENT)
    assert sum((found.label == PRESENT).sum() for found in wide.images.values()) == len(certain)


def _paths(file: Path) -> list[str]:
    table = open_table(file, "")
    assert isinstance(table, tuple)
    return [row.cells[0] for row in table.rows]
