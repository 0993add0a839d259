"""Known data sets by name. A new one is a function here, registered under its name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, ArrayImages, Dataset, Flip
from fewlabels.data.known import cars, cub200, formats, imagenet_wsol, tiny_imagenet
from fewlabels.data.known.boxes import TINY_FOLDERS, WSOL_FOLDERS
from fewlabels.data.known.class_names import CIFAR10, CIFAR100, DIGITS, STL10
from fewlabels.data.known.formats import Part
from fewlabels.data.known.locate import first, need
from fewlabels.data.known.official_lists import OfficialLists
from fewlabels.data.known.registry import Registry
from fewlabels.errors import UserError

REGISTRY: Registry[Dataset | OfficialLists] = Registry()


def known(name: str, root: Path) -> Dataset | OfficialLists | None:
    """The known data set of that name, or None if there is none; of one whose images are files, the lists of them.

    Rows in memory are the training images and then the test images, each in the order of their files.

    Args:
        name: one of ``KNOWN_NAMES``.
        root: the folder that holds the data set's files.

    Raises:
        UserError: its files are not there, or are damaged.
    """
    return REGISTRY.read(name, root)


@REGISTRY.register("digits")
def _digits(root: Path) -> Dataset:
    """scikit-learn's 1797 digits of 8 x 8, 0..16 scaled to 0..255. Test is every fourth image: 3, 7, 11 ... (449)."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.rint(images * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8, 1)
    test = np.arange(len(labels)) % 4 == 3
    train_part, test_part = (Part(pixels[rows], labels[rows].astype(np.int64)) for rows in (~test, test))
    return _dataset("digits", DIGITS, "none", [train_part], test_part)


@REGISTRY.register("digit-scenes")
def _digit_scenes(root: Path) -> Dataset:
    """1,500 / 500 of 64 x 64 in colour: one of scikit-learn's digits each, over parts of its photographs; drawn."""
    from fewlabels.data.known.scenes import draw_scenes

    drawn = draw_scenes(1500, 0, "train"), draw_scenes(500, 0, "test")
    train, test = (Part(scenes.pixels, scenes.present.argmax(1).astype(np.int64)) for scenes in drawn)
    return _dataset("digit-scenes", DIGITS, "none", [train], test)


@REGISTRY.register("mnist")
def _mnist(root: Path) -> Dataset:
    """60,000 / 10,000 of 28 x 28: ``mnist.npz`` or the four idx files."""
    if npz := first(root, ["mnist.npz"]):
        return _dataset("mnist", DIGITS, "none", *_split(npz))
    folders = ("", "mnist/", "MNIST/raw/")
    files = []
    for stem in ("train-images", "train-labels", "t10k-images", "t10k-labels"):
        kind = "idx3-ubyte" if stem.endswith("images") else "idx1-ubyte"
        names = [f"{folder}{stem}{dot}{kind}{end}" for folder in folders for dot in "-." for end in ("", ".gz")]
        files.append(need("mnist", root, names, shown=["mnist.npz", f"{stem}-{kind}"]))
    train, test = formats.read_idx(files[0], files[1]), formats.read_idx(files[2], files[3])
    return _dataset("mnist", DIGITS, "none", [train], test)


@REGISTRY.register("usps")
def _usps(root: Path) -> Dataset:
    """7,291 / 2,007 of 16 x 16: ``usps.npz``, or zip.train and zip.test in text."""
    if npz := first(root, ["usps.npz"]):
        return _dataset("usps", DIGITS, "none", *_split(npz))
    train, test = (
        formats.read_zip_text(need("usps", root, [name, f"{name}.gz"], shown=["usps.npz", name]))
        for name in ("zip.train", "zip.test")
    )
    return _dataset("usps", DIGITS, "none", [train], test)


@REGISTRY.register("cifar10")
def _cifar10(root: Path) -> Dataset:
    """50,000 / 10,000 of 32 x 32: ``cifar10.npz`` or the binary version."""
    if npz := first(root, ["cifar10.npz"]):
        return _dataset("cifar10", CIFAR10, "horizontal", *_split(npz))
    names = [f"data_batch_{number}.bin" for number in range(1, 6)]
    *train, test = _cifar_files("cifar10", root, [*names, "test_batch.bin"], "cifar-10-batches-bin")
    return _dataset("cifar10", CIFAR10, "horizontal", [formats.read_cifar(train, 1)], formats.read_cifar([test], 1))


@REGISTRY.register("cifar100")
def _cifar100(root: Path) -> Dataset:
    """50,000 / 10,000 of 32 x 32 with the 100 fine labels: ``cifar100.npz`` or the binary version."""
    if npz := first(root, ["cifar100.npz"]):
        return _dataset("cifar100", CIFAR100, "horizontal", *_split(npz))
    train, test = _cifar_files("cifar100", root, ["train.bin", "test.bin"], "cifar-100-binary")
    return _dataset("cifar100", CIFAR100, "horizontal", [formats.read_cifar([train], 2)], formats.read_cifar([test], 2))


@REGISTRY.register("svhn")
def _svhn(root: Path) -> Dataset:
    """73,257 / 26,032 of 32 x 32: the cropped digits, without the extra ones."""
    train, test = (
        formats.read_svhn(need("svhn", root, [f"{name}_32x32.mat", f"svhn/{name}_32x32.mat"]))
        for name in ("train", "test")
    )
    return _dataset("svhn", DIGITS, "none", [train], test)


@REGISTRY.register("stl10")
def _stl10(root: Path) -> Dataset:
    """5,000 and 100,000 without label / 8,000 of 96 x 96."""
    folder = "stl10_binary"
    files = {
        name: need("stl10", root, [f"{folder}/{name}.bin"])
        for name in ("train_X", "train_y", "unlabeled_X", "test_X", "test_y")
    }
    train = [formats.read_stl(files["train_X"], files["train_y"]), formats.read_stl(files["unlabeled_X"], None)]
    test = formats.read_stl(files["test_X"], files["test_y"])
    return _dataset("stl10", STL10, "horizontal", train, test)


@REGISTRY.register("cub200")
def _cub200(root: Path) -> OfficialLists:
    """CUB-200-2011: 5,994 / 5,794 photographs of 200 kinds of bird, whole; boxes are read elsewhere."""
    files = {name: need("cub200", root, [f"CUB_200_2011/{name}.txt", f"{name}.txt"]) for name in cub200.FILES}
    return cub200.read_lists(files)


@REGISTRY.register("cars")
def _cars(root: Path) -> OfficialLists:
    """Stanford Cars: 8,144 / 8,041 photographs of 196 models, whole: ``car_ims`` and its list, or the devkit."""
    folders = ("", "stanford_cars/", "cars/")
    single = first(root, [f"{folder}cars_annos.mat" for folder in folders])
    if single and (single.parent / "car_ims").is_dir():
        return cars.read_single(single)
    hint = f" ('{single}' is there, but not its images 'car_ims')" if single else ""
    files = {}
    for name in cars.FILES:
        names = [f"{folder}{devkit}{name}.mat" for folder in folders for devkit in ("devkit/", "")]
        files[name] = need("cars", root, names, names[:1] if single else [names[0], "cars_annos.mat"], hint)
    beside = files["cars_train_annos"].parent
    return cars.read_devkit(files, beside.parent if beside.name == "devkit" else beside)


@REGISTRY.register("tiny-imagenet")
def _tiny_imagenet(root: Path) -> OfficialLists:
    """Tiny-ImageNet-200: 100,000 / 10,000 (val, which has labels) of 64 x 64 with 200 classes."""
    found = [
        need("tiny-imagenet", root, [f"{folder}{name}" for folder in TINY_FOLDERS]) for name in tiny_imagenet.FILES
    ]
    return tiny_imagenet.read_lists(found[0].parent)


@REGISTRY.register("imagenet")
def _imagenet(root: Path) -> OfficialLists:
    """ImageNet-1k: 1,281,167 / 50,000 (val) photographs of 1,000 classes, by the lists of wsolevaluation."""
    files = {
        split: need("imagenet", root, [f"{folder}{split}/class_labels.txt" for folder in WSOL_FOLDERS])
        for split in imagenet_wsol.SPLITS
    }
    places = (root / folder for folder in _IMAGENET_FOLDERS)
    folder = next((place for place in places if (place / "train").is_dir()), root)
    return imagenet_wsol.read_lists(files, folder)


_IMAGENET_FOLDERS = ("", "imagenet", "ILSVRC", "dataset/ILSVRC", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")
"""Where ``train/`` and ``val/`` may lie below the root: by themselves, as wsolevaluation has them, as unpacked."""
KNOWN_NAMES = REGISTRY.names


def _cifar_files(dataset: str, root: Path, names: Sequence[str], folder: str) -> list[Path]:
    pickled = root / ("cifar-10-batches-py" if dataset == "cifar10" else "cifar-100-python")
    hint = f" ('{pickled.name}' is pickled, which is not read: get the *binary* version)" if pickled.exists() else ""
    shown = [f"{dataset}.npz"]
    return [need(dataset, root, [f"{folder}/{name}"], [*shown, f"{folder}/{name}"], hint) for name in names]


def _split(npz: Path) -> tuple[list[Part], Part]:
    train, test = formats.read_npz(npz)
    return [train], test


def _dataset(name: str, classes: tuple[str, ...], flip: Flip, train: list[Part], test: Part) -> Dataset:
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
