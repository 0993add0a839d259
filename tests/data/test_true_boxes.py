"""True boxes: the file they are read from, their places in the images, and their faults."""

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fewlabels.data import true_boxes
from fewlabels.data.dataset import ArrayImages, Dataset
from fewlabels.data.known.scenes import draw_scenes
from fewlabels.data.labels.boxes_csv import BoxRows, read_box_csv
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.csv_rows import ImageIndex
from fewlabels.data.read import read
from fewlabels.data.true_boxes import TrueBoxes, read_boxes
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions


@pytest.fixture
def pictures(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Return a folder of two cats and a dog of 80 x 60."""
    for path in ("cat/1.png", "cat/2.png", "dog/3.png"):
        paint(path, size=(80, 60))
    return tmp_path / "data"


def boxes_of(folder: Path, text: str, **options: object) -> TrueBoxes:
    """Return the boxes of a ``boxes.csv`` with this text."""
    (folder / "boxes.csv").write_text(text)
    found = read_boxes(read(CLASSES, str(folder)), TrainOptions(data=str(folder), **options))  # type: ignore[arg-type]
    assert found is not None
    return found


def in_pixels(boxes: TrueBoxes, width: int = 80, height: int = 60) -> list[list[float]]:
    return (boxes.corners * [width, height, width, height]).round(9).tolist()


def test_boxes_are_fractions_of_their_images_and_an_image_may_have_several(pictures: Path) -> None:
    boxes = boxes_of(pictures, "path,x0,y0,x1,y1\ndog/3.png,0,0,80,60\ncat/1.png,20,15,40,30\ndog/3.png,8,6,16,12\n")
    assert boxes.row.tolist() == [0, 2, 2]
    np.testing.assert_allclose(boxes.corners, [[0.25, 0.25, 0.5, 0.5], [0, 0, 1, 1], [0.1, 0.1, 0.2, 0.2]])
    assert (len(boxes), boxes.row.dtype, boxes.corners.dtype, boxes.notes) == (3, np.int64, np.float64, ())


def test_a_box_turns_with_its_image(pictures: Path) -> None:
    file = pictures / "cat/1.png"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(file).copy().save(file, exif=exif)
    boxes = boxes_of(pictures, "path,x0,y0,x1,y1\ncat/1.png,0,0,20,60\n")  # the left quarter becomes the upper one
    np.testing.assert_allclose(boxes.corners, [[0, 0, 1, 0.25]])


def test_boxes_of_some_images_are_numbered_by_position() -> None:
    corners = np.arange(16).reshape(4, 4) / 16
    boxes = TrueBoxes(np.array([0, 2, 2, 5]), corners).of(np.array([5, 7, 2]))
    assert boxes.row.tolist() == [0, 2, 2]
    np.testing.assert_array_equal(boxes.corners, corners[[3, 1, 2]])


def test_a_folder_without_boxes_has_none(pictures: Path) -> None:
    assert read_boxes(read(CLASSES, str(pictures)), TrainOptions(data=str(pictures))) is None


def test_boxes_come_from_the_named_file_then_boxes_csv_then_the_labels(tmp_path: Path, pictures: Path) -> None:
    (pictures / "labels.csv").write_text(
        "path,label,x0,y0,x1,y1\ncat/1.png,cat,0,0,1,1\ncat/2.png,cat,,,,\ndog/3.png,dog,2,2,3,3\n"
    )
    dataset = read(CLASSES, str(pictures))

    def found(**options: object) -> tuple[list[int], list[list[float]]]:
        boxes = read_boxes(dataset, TrainOptions(data=str(pictures), **options))  # type: ignore[arg-type]
        assert boxes is not None
        return boxes.row.tolist(), in_pixels(boxes)

    assert found() == ([0, 2], [[0, 0, 1, 1], [2, 2, 3, 3]])
    other = tmp_path / "other.csv"
    other.write_text("path,label,x0,y0,x1,y1\ncat/1.png,cat,7,7,8,8\n")
    assert found(labels=str(other)) == ([0], [[7, 7, 8, 8]])
    (pictures / "boxes.csv").write_text("path,x0,y0,x1,y1\ncat/2.png,4,4,5,5\n")
    assert found() == found(labels=str(other)) == ([1], [[4, 4, 5, 5]])
    named = tmp_path / "named.csv"
    named.write_text("x1;y1;path;x0;y0\n6;6;cat\\1.png;5;5\n")
    assert found(boxes=str(named)) == ([0], [[5, 5, 6, 6]])


def test_boxes_are_parsed_once_for_a_data_set_until_their_file_changes(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[Path] = []

    def counted(file: Path, index: ImageIndex) -> BoxRows:
        parsed.append(file)
        return read_box_csv(file, index)

    monkeypatch.setattr(true_boxes, "read_box_csv", counted)
    file, options = pictures / "boxes.csv", TrainOptions(data=str(pictures))
    file.write_text("path,x0,y0,x1,y1\ncat/1.png,4,4,5,5\n")
    dataset = read(CLASSES, str(pictures))
    first = read_boxes(dataset, options)
    assert read_boxes(dataset, TrainOptions(data=str(pictures), seed=7)) is first
    assert parsed == [file]
    read_boxes(read(CLASSES, str(pictures)), options)
    assert len(parsed) == 2
    file.write_text("path,x0,y0,x1,y1\ncat/1.png,4,4,5,5\ncat/2.png,4,4,5,5\n")
    changed = read_boxes(dataset, options)
    assert changed is not None
    assert changed.row.tolist() == [0, 1]


def test_labels_without_columns_of_boxes_have_none(pictures: Path) -> None:
    (pictures / "labels.csv").write_text("path,label\ncat/1.png,cat\ncat/2.png,cat\ndog/3.png,dog\n")
    assert read_boxes(read(CLASSES, str(pictures)), TrainOptions(data=str(pictures))) is None


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("cat/1.png,1,2,three,4", "x1 is 'three', which is not a number; write x0,y0,x1,y1 in pixels"),
        ("cat/1.png,1,2,nan,4", "x1 is 'nan'"),
        ("cat/1.png,1,2,,4", "x1 is empty"),
        ("cat/1.png,1,2,3", "y1 is empty"),
        ("cat/1.png,30,10,20,40", "the box 30,10,20,40 ends before it begins; write its left, top, right and bottom"),
        ("cat/1.png,10,40,20,10", "the box 10,40,20,10 ends before it begins"),
        ("cat/1.png,90,10,100,40", r"the box 90,10,100,40 is outside 'cat/1\.png' of 80 x 60 pixels; .* EXIF"),
        ("cat/1.png,10,-9,20,-4", "is outside"),
        ("cat/1.png,10,10,20,62.5", r"reaches 2\.5 pixels out of 'cat/1\.png'"),
        ("cat/1.png,-3,10,20,30", "reaches 3 pixels out"),
        ("cat/7.png,1,2,3,4", r"no image 'cat/7\.png' among the data"),
        ("CAT/1.PNG,1,2,3,4", r"did you mean 'cat/1\.png'\?"),
        ("../cat/1.png,1,2,3,4", "leads out of the data folder"),
        (",1,2,3,4", "no path"),
    ],
)
def test_a_faulty_row_is_named_and_can_be_left_out(pictures: Path, row: str, words: str) -> None:
    text = f"path,x0,y0,x1,y1\ncat/2.png,0,0,9,9\n{row}\n"
    with pytest.raises(UserError, match=rf"^boxes\.csv row 3: .*{words}") as caught:
        boxes_of(pictures, text)
    assert "\n" not in str(caught.value)
    left = boxes_of(pictures, text, skip_bad=True)
    assert left.row.tolist() == [1]
    assert left.notes[0].startswith("left out: boxes.csv row 3: ")


def test_more_faults_are_counted_and_the_first_row_is_named(pictures: Path) -> None:
    rows = ["path,x0,y0,x1,y1", "cat/1.png,5,5,1,9", "cat/2.png,1,1,9,9", "dog/3.png,a,b,c,d", "dog/9.png,1,1,2,2"]
    with pytest.raises(UserError, match=r"^boxes\.csv row 2: .* \(and 2 more; `fewlabels check .*` lists all\)$"):
        boxes_of(pictures, "\n".join(rows))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its first line must be: path,x0,y0,x1,y1"),
        ("path,x0,y0,x1\ncat/1.png,1,2,3\n", "no column 'y1'"),
        ("image,x0,y0,x1,y1\ncat/1.png,1,2,3,4\n", "did you mean 'image'"),
        ("path,x0,y0,x1,y1,y1\ncat/1.png,1,2,3,4,5\n", "column 'y1' is there twice"),
    ],
)
def test_a_file_without_the_columns_is_refused_even_with_skip_bad(pictures: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        boxes_of(pictures, text, skip_bad=True)


def test_a_file_that_is_not_there_is_named(pictures: Path) -> None:
    with pytest.raises(UserError, match=r"no file 'none\.csv' with boxes; name a CSV whose first line is path,x0"):
        read_boxes(read(CLASSES, str(pictures)), TrainOptions(data=str(pictures), boxes="none.csv"))


def test_a_box_that_reaches_out_by_at_most_a_pixel_is_clipped(pictures: Path) -> None:
    boxes = boxes_of(pictures, "path,x0,y0,x1,y1\ncat/1.png,-1,-0.5,80.7,61\n")
    assert (boxes.corners.tolist(), boxes.notes) == ([[0, 0, 1, 1]], ())


def test_a_box_without_area_is_kept(pictures: Path) -> None:
    boxes = boxes_of(pictures, "path,x0,y0,x1,y1\ncat/1.png,10,20,10,40\ncat/2.png,79,59,79,59\n")
    assert in_pixels(boxes) == [[10, 20, 10, 40], [79, 59, 79, 59]]


def test_a_row_with_four_empty_cells_means_no_box(pictures: Path) -> None:
    assert len(boxes_of(pictures, "path,x0,y0,x1,y1\ncat/1.png,,,,\n")) == 0


def test_other_columns_are_noted(pictures: Path) -> None:
    boxes = boxes_of(pictures, "path,x0,y0,x1,y1,difficult,width,label\ncat/1.png,1,2,3,4,0,80,cat\n")
    assert boxes.notes == ("boxes.csv: not used: column 'difficult'",)


def test_a_box_of_an_image_that_was_left_out_is_no_fault(pictures: Path) -> None:
    (pictures / "cat/2.png").write_bytes(b"")
    (pictures / "boxes.csv").write_text("path,x0,y0,x1,y1\ncat/1.png,1,2,3,4\ncat/2.png,1,2,3,4\n")
    boxes = read_boxes(read(CLASSES, str(pictures), skip_bad=True), TrainOptions(data=str(pictures)))
    assert boxes is not None
    assert boxes.row.tolist() == [0]
    assert boxes.notes == ("1 boxes of images that are not among the data are not used",)


@pytest.fixture
def cub(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Return the folder of official lists of three birds of 80 x 60."""
    folder = tmp_path / "data/CUB_200_2011"
    images = [f"001.Albatross/{number}.jpg" for number in (1, 2, 3)]
    for path in images:
        paint(f"CUB_200_2011/images/{path}", size=(80, 60))
    for name, values in {
        "images": images,
        "classes": ["001.Albatross"],
        "image_class_labels": (1, 1, 1),
        "train_test_split": (1, 1, 0),
        "bounding_boxes": ["8.0 6.0 16.0 12.0", "40.0 30.0 60.0 30.0", "0.0 0.0 80.0 60.0"],
    }.items():
        (folder / f"{name}.txt").write_text("".join(f"{n} {value}\n" for n, value in enumerate(values, 1)))
    return folder


def test_cub_boxes_are_read_as_corner_and_size_and_clipped_with_a_note(cub: Path) -> None:
    options = TrainOptions(data="CUB200", root=str(cub.parent))
    boxes = read_boxes(read(CLASSES, "cub200", root=cub.parent), options)
    assert boxes is not None
    assert boxes.row.tolist() == [0, 1, 2]
    assert in_pixels(boxes) == [[8, 6, 24, 18], [40, 30, 80, 60], [0, 0, 80, 60]]
    assert boxes.notes == ("1 boxes reach out of their images by more than a pixel and are clipped",)


def test_cub_without_its_boxes_has_none_and_damaged_ones_are_named(cub: Path) -> None:
    dataset, options = read(CLASSES, "cub200", root=cub), TrainOptions(data="cub200", root=str(cub))
    (cub / "bounding_boxes.txt").write_text("1 8.0 6.0 16.0\n")
    with pytest.raises(UserError, match=r"bounding_boxes\.txt' is damaged"):
        read_boxes(dataset, options)
    (cub / "bounding_boxes.txt").unlink()
    assert read_boxes(dataset, options) is None


def test_a_digit_scene_has_one_box_around_what_was_painted() -> None:
    dataset = read(CLASSES, "digit-scenes", root=Path())
    boxes = read_boxes(dataset, TrainOptions(data="digit-scenes"))
    assert boxes is not None
    assert isinstance(dataset.images, ArrayImages)
    assert boxes.row.tolist() == list(range(2000))
    for row, empty in ((3, draw_scenes(4, 0, "train", (0, 0))), (1500 + 3, draw_scenes(4, 0, "test", (0, 0)))):
        changed = (dataset.images.pixels[row] != empty.pixels[3]).any(2)
        painted = [f(np.flatnonzero(changed.any(axis))) for f in (np.min, np.max) for axis in (0, 1)]
        np.testing.assert_allclose(boxes.corners[row] * 64, np.add(painted, [0, 0, 1, 1]), atol=1)


def test_other_known_data_sets_have_none() -> None:
    assert read_boxes(read(CLASSES, "digits", root=Path()), TrainOptions(data="digits")) is None


@pytest.mark.data
def test_the_boxes_of_the_real_birds_are_inside_their_images(tmp_path: Path, shared_data: Path) -> None:
    """There are 2,889 boxes, one per image; the first is as in the list."""
    with tarfile.open(shared_data / "cub50.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    folder = tmp_path / "cub50"
    labels = folder / "annotations.csv"
    dataset: Dataset = read(CLASSES, str(folder), labels)
    boxes = read_boxes(dataset, TrainOptions(data=str(folder), labels=str(labels)))
    assert boxes is not None
    assert boxes.row.tolist() == list(range(2889))
    assert boxes.corners.min() >= 0
    assert boxes.corners.max() <= 1
    assert (boxes.corners[:, 2:] > boxes.corners[:, :2]).all()
    assert boxes.notes == ()
    np.testing.assert_allclose(boxes.corners[0] * [320, 223, 320, 223], [69, 57, 268, 198])
