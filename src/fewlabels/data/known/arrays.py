"""Known data sets whose images are arrays in memory, with one class per image.

Each reader takes the folder that holds the files and raises UserError where they are missing or damaged. Rows are the
training images and then the test images, each in the order of their files.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, ArrayImages, Dataset, Flip
from fewlabels.data.known import formats
from fewlabels.data.known.class_names import CIFAR10, CIFAR100, DIGITS, STL10
from fewlabels.data.known.files import first_file, require_file
from fewlabels.data.known.formats import Part
from fewlabels.errors import UserError


def read_digits(root: Path) -> Dataset:
    """Read scikit-learn's 1797 digits of 8 x 8, 0..16 scaled to 0..255. Images 3, 7, 11 ... (449) are for test."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    test = np.arange(len(labels)) % 4 == 3
    train_part, test_part = (Part(pixels[rows], labels[rows].astype(np.int64)) for rows in (~test, test))
    return array_dataset("digits", DIGITS, "none", [train_part], test_part)


def read_mnist(root: Path) -> Dataset:
    """Read 60,000 / 10,000 images of 28 x 28: ``mnist.npz`` or the four idx files."""
    if npz := first_file(root, ["mnist.npz"]):
        return array_dataset("mnist", DIGITS, "none", *_npz_parts(npz))
    folders = ("", "mnist/", "MNIST/raw/")
    files = []
    for stem in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
        kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
        names = [f"{folder}{stem}{dot}{kind}{end}" for folder in folders for dot in "-." for end in ("", ".gz")]
        files.append(require_file("mnist", root, names, shown=["mnist.npz", f"{stem}-{kind}"]))
    train, test = formats.read_idx(files[0], files[1]), formats.read_idx(files[2], files[3])
    return array_dataset("mnist", DIGITS, "none", [train], test)


def read_usps(root: Path) -> Dataset:
    """Read 7,291 / 2,007 images of 16 x 16: ``usps.npz``, or zip.train and zip.test as text."""
    if npz := first_file(root, ["usps.npz"]):
        return array_dataset("usps", DIGITS, "none", *_npz_parts(npz))
    train, test = (
        formats.read_zip_text(require_file("usps", root, [name, f"{name}.gz"], shown=["usps.npz", name]))
        for name in ("zip.train", "zip.test")
    )
    return array_dataset("usps", DIGITS, "none", [train], test)


def read_cifar10(root: Path) -> Dataset:
    """Read 50,000 / 10,000 images of 32 x 32: ``cifar10.npz`` or the binary version."""
    if npz := first_file(root, ["cifar10.npz"]):
        return array_dataset("cifar10", CIFAR10, "horizontal", *_npz_parts(npz))
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    *train, test = _cifar_files("cifar10", root, [*names, "test_batch.bin"], "cifar-10-batches-bin")
    return array_dataset(
        "cifar10", CIFAR10, "horizontal", [formats.read_cifar(train, 1)], formats.read_cifar([test], 1)
    )


def read_cifar100(root: Path) -> Dataset:
    """Read 50,000 / 10,000 images of 32 x 32 with the 100 fine labels: ``cifar100.npz`` or the binary version."""
    if npz := first_file(root, ["cifar100.npz"]):
        return array_dataset("cifar100", CIFAR100, "horizontal", *_npz_parts(npz))
    train, test = _cifar_files("cifar100", root, ["train.bin", "test.bin"], "cifar-100-binary")
    return array_dataset(
        "cifar100", CIFAR100, "horizontal", [formats.read_cifar([train], 2)], formats.read_cifar([test], 2)
    )


def read_svhn(root: Path) -> Dataset:
    """Read 73,257 / 26,032 images of 32 x 32: the cropped digits, without the extra ones."""
    train, test = (
        formats.read_svhn_mat(require_file("svhn", root, [f"{name}_32x32.mat", f"svhn/{name}_32x32.mat"]))
        for name in ("train", "test")
    )
    return array_dataset("svhn", DIGITS, "none", [train], test)


def read_stl10(root: Path) -> Dataset:
    """Read 5,000 labelled and 100,000 unlabelled / 8,000 images of 96 x 96."""
    folder = "stl10_binary"
    files = {
        name: require_file("stl10", root, [f"{folder}/{name}.bin"])
        for name in ("train_X", "train_y", "unlabeled_X", "test_X", "test_y")
    }
    train = [formats.read_stl(files["train_X"], files["train_y"]), formats.read_stl(files["unlabeled_X"], None)]
    test = formats.read_stl(files["test_X"], files["test_y"])
    return array_dataset("stl10", STL10, "horizontal", train, test)


def _cifar_files(dataset: str, root: Path, names: Sequence[str], folder: str) -> list[Path]:
    pickled = root / ("cifar-10-batches-py" if dataset == "cifar10" else "cifar-100-python")
    hint = f" ('{pickled.name}' is pickled, which is not read: get the *binary* version)" if pickled.exists() else ""
    shown = [f"{dataset}.npz"]
    return [require_file(dataset, root, [f"{folder}/{name}"], [*shown, f"{folder}/{name}"], hint) for name in names]


def _npz_parts(npz: Path) -> tuple[list[Part], Part]:
    train, test = formats.read_npz(npz)
    return [train], test


def array_dataset(name: str, classes: tuple[str, ...], flip: Flip, train: list[Part], test: Part) -> Dataset:
    """Make a data set of arrays: the training images, then the test images.

    Raises:
        UserError: a label is out of range, or the images differ in size.
    """
    labels = np.concatenate([part.labels for part in (*train, test)])
    if labels.min() < UNLABELLED or labels.max() >= len(classes):
        raise UserError(f"{name}: a label outside 0..{len(classes) - 1}; get its files again")
    if len({part.pixels.shape[1:] for part in (*train, test)}) > 1:
        raise UserError(f"{name}: train and test images differ in size; get its files again")
    count = len(labels) - len(test.labels)
    return Dataset(
        name=name,
        classes=classes,
        paths=tuple(
            [f"train/{row:06d}" for row in range(count)] + [f"test/{row:06d}" for row in range(len(test.labels))]
        ),
        splits=np.repeat(np.array([TRAIN, TEST], np.int8), [count, len(test.labels)]),
        labels=labels,
        images=ArrayImages(np.concatenate([part.pixels for part in (*train, test)])),
        flip=flip,
    )
