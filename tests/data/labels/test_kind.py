"""A new kind of label is one class: finding, decoding, checking and splitting the images is shared."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from fewlabels.data.check import check
from fewlabels.data.dataset import TEST, TRAIN, VAL, FileImages
from fewlabels.data.labels.csv_rows import BadRow
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.read import read
from fewlabels.errors import UserError


class Numbers(LabelKind[float]):
    """One number per image, in the column ``value``."""

    title: ClassVar[str] = "one number per image"
    columns: ClassVar[tuple[str, ...]] = ("value",)

    def parse(self, cells: Mapping[str, str], path: str) -> float | None:
        try:
            return float(cells["value"]) if cells["value"] else None
        except ValueError:
            what = f"the value of '{path}' is '{cells['value']}'"
            raise BadRow(what, "write a number, or nothing if it is unknown", (path,)) from None

    def to_array(
        self, labels: Sequence[float | None], classes: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        return (), np.array([np.nan if label is None else label for label in labels])

    def is_labelled(self, labels: np.ndarray) -> np.ndarray:
        return ~np.isnan(labels)


NUMBERS = Numbers()
GOOD = "path,value,split\na.png,1.5,\nb.png,,\nsub/c.png,-2,val\nt.png,3,test\n"


@pytest.fixture
def data(tmp_path: Path, paint) -> Path:
    for name in ("a", "b", "sub/c", "t"):
        paint(f"{name}.png", size=(90, 70))
    (tmp_path / "data/labels.csv").write_text(GOOD)
    return tmp_path / "data"


def fault_of(data: Path, csv: str) -> str:
    (data / "labels.csv").write_text(csv)
    (fault,) = check(NUMBERS, str(data)).faults
    return str(fault)


def test_a_folder_and_its_csv_become_a_data_set(data: Path) -> None:
    dataset = read(NUMBERS, str(data))
    assert (dataset.paths, dataset.classes) == (("a.png", "b.png", "sub/c.png", "t.png"), ())
    np.testing.assert_array_equal(dataset.labels, [1.5, np.nan, -2, 3])
    assert dataset.splits.tolist() == [TRAIN, TRAIN, VAL, TEST]


def test_images_are_turned_upright(data: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(data / "a.png").copy().save(data / "a.png", exif=exif)
    images = read(NUMBERS, str(data)).images
    assert isinstance(images, FileImages)
    assert images.sizes.tolist() == [[70, 90], [90, 70], [90, 70], [90, 70]]


def test_the_check_has_its_summary(data: Path) -> None:
    assert check(NUMBERS, str(data)).lines() == [
        "data: 4 images: 1 labelled and 1 unlabelled for training, 1 for validation, 1 for test; no classes",
        "no faults",
    ]


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("path,value\na.png,two\n", "labels.csv row 2: the value of 'a.png' is 'two'; write a number"),
        ("path,value\na.png,1\na.png,2\n", "labels.csv row 3: 'a.png' is 2.0 here but 1.0 in labels.csv row 2"),
        ("path,value\nx.png,1\n", "labels.csv row 2: no image 'x.png' among the data"),
        ("path,valeu\na.png,1\n", "no column 'value' among 'path', 'valeu'"),
        ("path,value,split\na.png,1,tset\n", "unknown split 'tset'"),
    ],
)
def test_faults_of_a_csv_are_found_by_the_shared_reader(data: Path, csv: str, words: str) -> None:
    assert words in fault_of(data, csv)


def test_bad_images_are_found_and_left_out(data: Path) -> None:
    (data / "b.png").write_bytes(b"")
    with pytest.raises(DataFaults, match=r"b\.png: is empty"):
        read(NUMBERS, str(data))
    assert read(NUMBERS, str(data), skip_bad=True).left_out == ("b.png",)


def test_copies_with_other_numbers_are_a_fault(data: Path) -> None:
    shutil.copy(data / "a.png", data / "sub/c.png")
    assert "a.png: the same bytes as 'sub/c.png', but labelled 1.5 and that -2.0" in fault_of(data, GOOD)


def test_without_a_csv_its_columns_are_named(data: Path) -> None:
    (data / "labels.csv").unlink()
    with pytest.raises(UserError, match=r"no 'labels\.csv' in '.*' with the columns path,value; write one.*--labels"):
        read(NUMBERS, str(data))


def test_there_are_no_known_data_sets_of_a_new_kind() -> None:
    with pytest.raises(UserError, match=r"^no folder 'digits'; give the folder that holds the images$"):
        read(NUMBERS, "digits")
