"""Read a folder of images, or a known data set by its name."""

from pathlib import Path

import pytest

from fewlabels.data.check import check
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.read import read
from fewlabels.errors import UserError


def test_a_known_name_is_read_from_the_root(tmp_path: Path) -> None:
    assert len(read(CLASSES, "digits", root=tmp_path)) == 1797


def test_a_folder_comes_before_a_known_name(tmp_path: Path, paint, monkeypatch: pytest.MonkeyPatch) -> None:
    paint("digits/a.png")
    monkeypatch.chdir(tmp_path / "data")
    assert read(CLASSES, "digits", root=tmp_path).paths == ("a.png",)


def test_a_misspelt_name_is_reported_as_folder_and_as_known_data_set(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        read(CLASSES, "mnsit", root=tmp_path)
    assert str(caught.value) == (
        "no folder 'mnsit' and no known data set of that name with one class per image; did you mean 'mnist'?"
    )


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("")
    with pytest.raises(UserError, match="is a file"):
        read(CLASSES, str(tmp_path / "a.zip"))


def test_labels_for_a_known_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--labels"):
        read(CLASSES, "digits", tmp_path / "labels.csv", tmp_path)


def test_labels_and_skip_bad_are_passed_on(tmp_path: Path, paint) -> None:
    data = paint("a.png").parent
    (data / "bad.png").write_text("")
    other = tmp_path / "other.csv"
    other.write_text("path,label\na.png,cat\n")
    with pytest.raises(DataFaults):
        read(CLASSES, str(data), other, tmp_path)
    assert read(CLASSES, str(data), other, tmp_path, skip_bad=True).classes == ("cat",)


def test_a_known_data_set_has_no_faults(tmp_path: Path) -> None:
    report = check(CLASSES, "digits", root=tmp_path)
    assert not report.faults
    assert report.lines()[0].startswith(
        "digits: 1797 images: 1348 labelled and 0 unlabelled for training, 449 for test"
    )
