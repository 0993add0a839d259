"""CUB-200-2011 and Stanford Cars: a few images in the official form, checked like any folder."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from fewlabels.data.check import check
from fewlabels.data.dataset import SPLITS, Dataset, FileImages
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.faults import DataFaults
from fewlabels.data.pixels import scan
from fewlabels.data.read import read
from fewlabels.errors import UserError

BIRDS = ("001.Black_footed_Albatross", "002.Laysan_Albatross")
CARS = ("Volvo C30 Hatchback 2012", "AM General Hummer SUV 2000", "Ram C/V Cargo Van Minivan 2012")
"""Not in alphabetical order; there is no image of the last."""


def rows(dataset: Dataset) -> dict[str, tuple[str, str]]:
    given = zip(dataset.paths, dataset.labels.tolist(), dataset.splits.tolist(), strict=True)
    return {path: (dataset.classes[label], SPLITS[split]) for path, label, split in given}


@pytest.fixture
def cub(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    """Return the folder of the lists of two kinds of birds, each with a training and a test image."""
    folder = tmp_path / "data/CUB_200_2011"
    images = [f"{kind}/Bird_{number}.jpg" for kind in BIRDS for number in (7, 8)]
    for path in images:
        paint(f"CUB_200_2011/images/{path}", size=(90, 80))
    for name, values in {
        "images": images,
        "classes": BIRDS,
        "image_class_labels": (1, 1, 2, 2),
        "train_test_split": (1, 0, 0, 1),
        "bounding_boxes": ["60.0 27.0 325.0 304.0"] * 4,
    }.items():
        (folder / f"{name}.txt").write_text("".join(f"{n} {value}\n" for n, value in enumerate(values, 1)))
    return folder


def annotations(**columns: list) -> np.ndarray:
    """Return a MATLAB struct array: a struct of matrices per image."""
    table = np.empty((1, len(next(iter(columns.values())))), [(name, object) for name in columns])
    for name, values in columns.items():
        for number, value in enumerate(values):
            table[0, number][name] = value
    return table


def boxes(count: int) -> dict[str, list]:
    return {name: [number] * count for number, name in enumerate(("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"), 1)}


def names(*classes: str) -> np.ndarray:
    return np.array([classes], dtype=object)


@pytest.fixture
def devkit(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    folder = tmp_path / "data"
    for path in ("cars_train/00001.jpg", "cars_train/00002.jpg", "cars_test/00001.jpg"):
        paint(path)
    (folder / "devkit").mkdir()
    savemat(folder / "devkit/cars_meta.mat", {"class_names": names(*CARS)})
    train = annotations(**boxes(2), **{"class": [2, 1]}, fname=["00001.jpg", "00002.jpg"])
    savemat(folder / "devkit/cars_train_annos.mat", {"annotations": train})
    test = annotations(**boxes(1), **{"class": [2]}, fname=["00001.jpg"])
    savemat(folder / "devkit/cars_test_annos_withlabels.mat", {"annotations": test})
    return folder


def single(folder: Path, **change: Any) -> None:
    """Write Stanford Cars as one list, with the changes made to it."""
    columns = {"relative_im_path": [f"car_ims/00000{n}.jpg" for n in (1, 2, 3)], **boxes(3)}
    columns |= {"class": [2, 1, 1], "test": [0, 0, 1]}
    columns |= {name: value for name, value in change.items() if name in columns}
    content = {"annotations": annotations(**columns), "class_names": change.get("class_names", names(*CARS))}
    savemat(folder / "cars_annos.mat", content)


@pytest.fixture
def car_ims(tmp_path: Path, paint: Callable[..., Path]) -> Path:
    for number in (1, 2, 3):
        paint(f"car_ims/00000{number}.jpg")
    single(tmp_path / "data")
    return tmp_path / "data"


@pytest.mark.parametrize("root", ["..", "."], ids=["the folder above", "the folder itself"])
def test_birds_have_the_official_split_and_classes(cub: Path, root: str) -> None:
    dataset = read(CLASSES, "cub200", root=cub / root)
    assert (dataset.name, dataset.classes, dataset.flip, dataset.notes) == ("cub200", BIRDS, "horizontal", ())
    assert rows(dataset) == {
        f"images/{BIRDS[0]}/Bird_7.jpg": (BIRDS[0], "train"),
        f"images/{BIRDS[0]}/Bird_8.jpg": (BIRDS[0], "test"),
        f"images/{BIRDS[1]}/Bird_7.jpg": (BIRDS[1], "test"),
        f"images/{BIRDS[1]}/Bird_8.jpg": (BIRDS[1], "train"),
    }


def test_images_stay_files_and_their_sizes_are_upright(cub: Path) -> None:
    file = cub / f"images/{BIRDS[0]}/Bird_7.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(file).copy().save(file, exif=exif)
    images = read(CLASSES, "cub200", root=cub).images
    assert isinstance(images, FileImages)
    assert (images.root / images.files[0]).samefile(file)
    assert images.sizes[:2].tolist() == [[80, 90], [90, 80]]


def test_cars_in_the_devkit_keep_the_official_order_of_classes(devkit: Path) -> None:
    dataset = read(CLASSES, "cars", root=devkit)
    assert dataset.classes == CARS
    assert rows(dataset) == {
        "cars_train/00001.jpg": (CARS[1], "train"),
        "cars_train/00002.jpg": (CARS[0], "train"),
        "cars_test/00001.jpg": (CARS[1], "test"),
    }


def test_the_test_list_may_be_next_to_the_devkit(devkit: Path) -> None:
    name = "cars_test_annos_withlabels.mat"
    (devkit / "devkit" / name).rename(devkit / name)
    assert len(read(CLASSES, "cars", root=devkit)) == 3


def test_cars_in_one_folder(car_ims: Path) -> None:
    assert rows(read(CLASSES, "cars", root=car_ims)) == {
        "car_ims/000001.jpg": (CARS[1], "train"),
        "car_ims/000002.jpg": (CARS[0], "train"),
        "car_ims/000003.jpg": (CARS[0], "test"),
    }


def test_a_listed_image_that_is_not_there_is_a_fault(cub: Path) -> None:
    (cub / f"images/{BIRDS[0]}/Bird_8.jpg").unlink()
    with pytest.raises(DataFaults, match=r"^images\.txt row 2: no image 'images/001.*8\.jpg'"):
        read(CLASSES, "cub200", root=cub)
    assert len(read(CLASSES, "cub200", root=cub, skip_bad=True)) == 3


def test_a_damaged_image_is_a_fault_and_can_be_left_out(cub: Path) -> None:
    path = f"images/{BIRDS[0]}/Bird_8.jpg"
    (cub / path).write_bytes((cub / path).read_bytes()[:300])
    with pytest.raises(DataFaults, match="truncated"):
        read(CLASSES, "cub200", root=cub)
    dataset = read(CLASSES, "cub200", root=cub, skip_bad=True)
    assert dataset.left_out == (path,)
    assert path not in dataset.paths


def test_a_training_copy_of_a_test_image_is_a_leak_here_too(cub: Path) -> None:
    shutil.copy(cub / f"images/{BIRDS[0]}/Bird_8.jpg", cub / f"images/{BIRDS[0]}/Bird_7.jpg")
    with pytest.raises(DataFaults, match=r"the same bytes as .* in test"):
        read(CLASSES, "cub200", root=cub)


def test_more_faults_name_the_command_that_lists_them(cub: Path) -> None:
    for path in (f"{BIRDS[0]}/Bird_8.jpg", f"{BIRDS[1]}/Bird_7.jpg"):  # those for test
        (cub / "images" / path).write_bytes(b"")
    with pytest.raises(DataFaults, match=rf"1 more; `fewlabels check cub200 --root {cub}` lists all"):
        read(CLASSES, "cub200", root=cub)
    report = check(CLASSES, "cub200", root=cub)
    assert len(report.faults) == 2
    assert report.lines()[-2].startswith("cub200: 2 images: 2 labelled and 0 unlabelled for training; 2 classes")


def test_images_that_no_list_names_are_not_used(cub: Path, paint: Callable[..., Path]) -> None:
    paint(f"CUB_200_2011/images/{BIRDS[0]}/own.jpg")
    dataset = read(CLASSES, "cub200", root=cub)
    assert len(dataset) == 4
    assert dataset.notes == ("1 images that the official lists do not name are not used",)


def test_images_are_decoded_once(cub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read(CLASSES, "cub200", root=cub)
    monkeypatch.setattr(scan, "decode", lambda path: pytest.fail(f"{path} is decoded again"))
    assert read(CLASSES, "cub200", root=cub).paths == first.paths


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("images", "", "it is empty"),
        ("images", "1\n", "damaged"),
        ("images", "1 a.jpg\n1 b.jpg\n", "there twice"),
        ("classes", "1 a\n", "KeyError"),
        ("image_class_labels", "1 1\n2 1\n3 2\n", r"only one of them has image 4; get both again"),
        ("train_test_split", "1 1\n2 1\n3 2\n4 x\n", "damaged"),
        ("train_test_split", "\xff\n", "damaged"),
    ],
)
def test_a_list_that_is_not_what_its_name_says_is_named(cub: Path, name: str, text: str, words: str) -> None:
    (cub / f"{name}.txt").write_text(text, encoding="latin-1")
    file = "image_class_labels" if name == "classes" else name  # where the class that is not there stands
    with pytest.raises(UserError, match=rf"{file}\.txt.*{words}") as caught:
        read(CLASSES, "cub200", root=cub)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"words", b"MATLAB 5.0 MAT-file" + b" " * 105 + b"\0\1IM" + b"\xff" * 64])
@pytest.mark.parametrize("name", ["cars_meta", "cars_train_annos", "cars_test_annos_withlabels"])
def test_a_file_that_is_not_matlab_is_named(devkit: Path, name: str, content: bytes) -> None:
    (devkit / f"devkit/{name}.mat").write_bytes(content)
    with pytest.raises(UserError, match=rf"{name}\.mat' is damaged"):
        read(CLASSES, "cars", root=devkit)


def test_a_matlab_file_truncated_anywhere_is_named(devkit: Path) -> None:
    file = devkit / "devkit/cars_train_annos.mat"
    whole = file.read_bytes()
    for end in range(0, len(whole) - 8, 97):
        file.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"cars_train_annos\.mat' is damaged"):
            read(CLASSES, "cars", root=devkit)


def test_the_test_list_without_classes_is_refused(devkit: Path) -> None:
    test = annotations(**boxes(1), fname=["00001.jpg"])
    savemat(devkit / "devkit/cars_test_annos_withlabels.mat", {"annotations": test})
    with pytest.raises(UserError, match=r"cars_test_annos_withlabels\.mat' is damaged or not what.*class"):
        read(CLASSES, "cars", root=devkit)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"class": [2, 1, 4]}, "class 4 of 3"),
        ({"class": [0, 1, 1]}, "class 0 of 3"),
        ({"class": ["2", 1, 1]}, "TypeError"),
        ({"test": [0, 0, 2]}, "KeyError"),
        ({"test": [0, 0, [0, 1]]}, "size 1"),
        ({"class_names": names("a", "a")}, "a class is there twice"),
    ],
)
def test_impossible_annotations_are_named(car_ims: Path, change: dict, words: str) -> None:
    single(car_ims, **change)
    with pytest.raises(UserError, match=rf"cars_annos\.mat' is damaged.*{words}"):
        read(CLASSES, "cars", root=car_ims)


@pytest.mark.parametrize("path", ["../000001.jpg", "/etc/passwd", "car_ims/../../x.jpg"])
def test_a_path_that_leads_out_of_the_folder_is_a_fault(car_ims: Path, path: str) -> None:
    single(car_ims, relative_im_path=[path, "car_ims/000002.jpg", "car_ims/000003.jpg"])
    with pytest.raises(DataFaults, match=r"cars_annos\.mat row 1: .*(leads out|absolute)"):
        read(CLASSES, "cars", root=car_ims)


def test_missing_folders_of_images_are_named(cub: Path, devkit: Path) -> None:
    shutil.rmtree(cub / "images")
    shutil.rmtree(devkit / "cars_test")
    for name, root, folder in (("cub200", cub, cub / "images"), ("cars", devkit, devkit / "cars_test")):
        with pytest.raises(UserError, match=rf"no folder '{folder}'.*--root"):
            read(CLASSES, name, root=root)


def test_the_single_list_without_its_images_says_so(car_ims: Path) -> None:
    shutil.rmtree(car_ims / "car_ims")
    with pytest.raises(UserError, match=r"no file '.*cars_train_annos\.mat'.*'car_ims'"):
        read(CLASSES, "cars", root=car_ims)
