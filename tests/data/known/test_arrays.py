"""Known data sets in memory: real ones where they are available, and tiny ones in the official formats."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from sklearn.datasets import load_digits

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, ArrayImages, Dataset
from fewlabels.data.known.catalogue import known_names
from fewlabels.data.known.class_names import CIFAR100
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read
from fewlabels.errors import UserError

RNG = np.random.default_rng(0)


def load(name: str, root: Path) -> Dataset:
    return read(CLASSES, name, root=root)


def pixels(dataset: Dataset) -> np.ndarray:
    assert isinstance(dataset.images, ArrayImages)
    assert dataset.images.pixels.dtype == np.uint8
    assert len(dataset.images.pixels) == len(dataset) == len(dataset.labels) == len(dataset.splits)
    return dataset.images.pixels


def noise(*shape: int) -> np.ndarray:
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def test_digits_are_scaled_and_every_fourth_is_test(tmp_path: Path) -> None:
    dataset = load("digits", tmp_path)
    source, labels = load_digits(return_X_y=True)
    assert (len(dataset.rows(TRAIN)), len(dataset.rows(TEST))) == (1348, 449)
    first_test = pixels(dataset)[1348, ..., 0]
    np.testing.assert_allclose(first_test, source[3].reshape(8, 8) * 255 / 16, atol=0.5)
    assert dataset.labels[:4].tolist() == labels[[0, 1, 2, 4]].tolist()
    assert (dataset.paths[0], dataset.paths[1347], dataset.paths[1348]) == (
        "train/000000",
        "train/001347",
        "test/000000",
    )
    assert dataset.flip == "none"
    assert np.bincount(dataset.labels[1348:]).min() >= 35


def test_real_mnist(shared_data: Path) -> None:
    dataset = load("mnist", shared_data)
    assert pixels(dataset).shape == (70000, 28, 28, 1)
    assert dataset.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert (dataset.splits[59999], dataset.splits[60000], dataset.labels[60000]) == (TRAIN, TEST, 7)


def test_real_usps_has_the_published_class_counts(shared_data: Path) -> None:
    dataset = load("usps", shared_data)
    train = np.bincount(dataset.labels[dataset.rows(TRAIN)]).tolist()
    test = np.bincount(dataset.labels[dataset.rows(TEST)]).tolist()
    assert train == [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    assert test == [359, 264, 198, 166, 200, 160, 170, 147, 166, 177]


@pytest.mark.parametrize("folder", ["", "MNIST/raw"])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_mnist_in_its_idx_files(tmp_path: Path, folder: str, end: str) -> None:
    images = noise(5, 28, 28)
    for name, body in {
        "train-images-idx3-ubyte": struct.pack(">IIII", 0x803, 3, 28, 28) + images[:3].tobytes(),
        "train-labels-idx1-ubyte": struct.pack(">II", 0x801, 3) + bytes([7, 8, 9]),
        "t10k-images-idx3-ubyte": struct.pack(">IIII", 0x803, 2, 28, 28) + images[3:].tobytes(),
        "t10k-labels-idx1-ubyte": struct.pack(">II", 0x801, 2) + bytes([1, 2]),
    }.items():
        file = tmp_path / folder / (name + end)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(body) if end else body)
    dataset = load("mnist", tmp_path)
    np.testing.assert_array_equal(pixels(dataset)[..., 0], images)
    assert dataset.labels.tolist() == [7, 8, 9, 1, 2]
    assert dataset.paths == ("train/000000", "train/000001", "train/000002", "test/000000", "test/000001")


def planes(images: np.ndarray, order: str = "C") -> list[bytes]:
    """Return each image as its R, G and B planes, row by row ("C") or column by column ("F")."""
    return [b"".join(image[:, :, c].tobytes(order) for c in range(3)) for image in images]  # type: ignore[arg-type]


def test_cifar10_in_its_binary_files(tmp_path: Path) -> None:
    images, labels = noise(12, 32, 32, 3), RNG.integers(0, 10, 12)
    rows = [bytes([label]) + body for label, body in zip(labels, planes(images), strict=True)]
    folder = tmp_path / "cifar-10-batches-bin"
    folder.mkdir()
    names = [f"data_batch_{number}.bin" for number in range(1, 6)] + ["test_batch.bin"]
    for start, name in enumerate(names):
        (folder / name).write_bytes(b"".join(rows[2 * start : 2 * start + 2]))
    dataset = load("cifar10", tmp_path)
    np.testing.assert_array_equal(pixels(dataset), images)
    assert dataset.labels.tolist() == labels.tolist()
    assert len(dataset.rows(TEST)) == 2
    assert (dataset.classes[0], dataset.classes[9], dataset.flip) == ("airplane", "truck", "horizontal")


def test_cifar100_takes_the_fine_label(tmp_path: Path) -> None:
    images = noise(3, 32, 32, 3)
    rows = [bytes([19, fine]) + body for fine, body in zip([0, 42, 99], planes(images), strict=True)]
    folder = tmp_path / "cifar-100-binary"
    folder.mkdir()
    (folder / "train.bin").write_bytes(rows[0] + rows[1])
    (folder / "test.bin").write_bytes(rows[2])
    dataset = load("cifar100", tmp_path)
    np.testing.assert_array_equal(pixels(dataset), images)
    assert [dataset.classes[label] for label in dataset.labels] == ["apple", "leopard", "worm"]


def test_cifar100_has_a_hundred_classes_in_alphabetical_order() -> None:
    assert len(set(CIFAR100)) == 100
    assert list(CIFAR100) == sorted(CIFAR100)


def test_svhn_calls_the_digit_0_ten(tmp_path: Path) -> None:
    images = noise(4, 32, 32, 3)
    for name, rows, labels in (("train", images[:3], [10, 1, 9]), ("test", images[3:], [2])):
        savemat(tmp_path / f"{name}_32x32.mat", {"X": rows.transpose(1, 2, 3, 0), "y": np.array([labels]).T})
    dataset = load("svhn", tmp_path)
    np.testing.assert_array_equal(pixels(dataset), images)
    assert dataset.labels.tolist() == [0, 1, 9, 2]
    assert dataset.flip == "none"


def test_stl10_is_column_major_and_has_unlabelled_images(tmp_path: Path) -> None:
    images = noise(4, 96, 96, 3)
    bodies = planes(images, "F")
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for name, body in {
        "train_X": bodies[0],
        "train_y": bytes([1]),
        "unlabeled_X": bodies[1] + bodies[2],
        "test_X": bodies[3],
        "test_y": bytes([10]),
    }.items():
        (folder / f"{name}.bin").write_bytes(body)
    dataset = load("stl10", tmp_path)
    np.testing.assert_array_equal(pixels(dataset), images)
    assert dataset.labels.tolist() == [0, UNLABELLED, UNLABELLED, 9]
    assert dataset.paths == ("train/000000", "train/000001", "train/000002", "test/000000")


def test_usps_in_its_text_files(tmp_path: Path) -> None:
    row = " ".join(["6.0000", *["-1.000"] * 255, "1.000"])
    (tmp_path / "zip.train.gz").write_bytes(gzip.compress(f"{row} \n{row} \n".encode()))
    (tmp_path / "zip.test").write_text(row)
    dataset = load("usps", tmp_path)
    assert pixels(dataset).shape == (3, 16, 16, 1)
    assert pixels(dataset)[0, 15, 14:, 0].tolist() == [0, 255]
    assert dataset.labels.tolist() == [6, 6, 6]


def npz(root: Path, name: str = "cifar10", **change: np.ndarray) -> None:
    arrays = {
        "x_train": noise(4, 32, 32, 3),
        "y_train": np.array([[0], [1], [2], [3]]),
        "x_test": noise(1, 32, 32, 3),
        "y_test": np.array([[9]]),
    }
    np.savez(root / f"{name}.npz", **(arrays | change))


def test_an_npz_may_have_its_labels_in_a_column(tmp_path: Path) -> None:
    npz(tmp_path)
    assert load("cifar10", tmp_path).labels.tolist() == [0, 1, 2, 3, 9]


@pytest.mark.parametrize(
    "change",
    [
        {"x_train": noise(3, 32, 32, 3)},
        {"x_train": np.zeros((4, 32, 32, 3))},
        {"x_test": noise(1, 28, 28, 3)},
        {"y_test": np.array([10])},
        {"y_test": np.array([{"evil": 1}], dtype=object)},
    ],
    ids=["counts differ", "not bytes", "sizes differ", "label too large", "pickle"],
)
def test_a_wrong_npz_is_a_user_error(tmp_path: Path, change: dict[str, np.ndarray]) -> None:
    npz(tmp_path, **change)
    with pytest.raises(UserError, match="cifar10"):
        load("cifar10", tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist", "mnist.npz"),
        ("mnist", "train-images-idx3-ubyte"),
        ("mnist", "train-images-idx3-ubyte.gz"),
        ("usps", "zip.train"),
        ("svhn", "train_32x32.mat"),
        ("cifar100", "cifar-100-binary/train.bin"),
        ("stl10", "stl10_binary/train_X.bin"),
    ],
)
@pytest.mark.parametrize("content", [b"", b"\0\0\x08\x03\xff\xff\xff\xff", b"PK\x03\x04 no zip", b"words"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, file: str, content: bytes) -> None:
    others = {
        "mnist": ["train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"],
        "usps": ["zip.test"],
        "svhn": ["test_32x32.mat"],
        "cifar100": ["cifar-100-binary/test.bin"],
        "stl10": [f"stl10_binary/{n}.bin" for n in ("train_y", "unlabeled_X", "test_X", "test_y")],
    }
    for path in (file, *others[name]):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    with pytest.raises(UserError, match=file):
        load(name, tmp_path)


@pytest.mark.parametrize("name", [name for name in known_names(CLASSES) if name not in ("digits", "digit-scenes")])
def test_missing_files_are_named_with_a_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        load(name, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "--root" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_pickled_cifar_is_refused_with_the_name_of_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    with pytest.raises(UserError, match=r"cifar-10-batches-bin.*'cifar-10-batches-py' is pickled.*binary"):
        load("cifar10", tmp_path)
