"""The official file formats of the known data sets, read without pickle. Pixels are (N, H, W, C) uint8."""

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.known.files import explain_damage


class Part(NamedTuple):
    """One split of a data set."""

    pixels: np.ndarray
    """(N, H, W, C) uint8."""
    labels: np.ndarray
    """(N,) int64 from 0, or UNLABELLED."""


def read_npz(path: Path) -> tuple[Part, Part]:
    """Read train and test from an ``.npz`` with x_train, y_train, x_test, y_test.

    The images x are (N, H, W) or (N, H, W, C) uint8, the labels y integers from 0.

    Raises:
        UserError: the file is damaged.
    """
    with explain_damage(path), np.load(path, allow_pickle=False) as arrays:
        train, test = (_part(arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test"))
        return train, test


def read_idx(images: Path, labels: Path) -> Part:
    """Read MNIST's files, plain or gzipped: big-endian magic number, sizes, bytes.

    Raises:
        UserError: a file is damaged.
    """
    with explain_damage(images):
        pixels = _idx(images)
    with explain_damage(labels):
        return _part(pixels, _idx(labels))


def _idx(path: Path) -> np.ndarray:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    zeros, kind, dimensions = struct.unpack_from(">HBB", content)
    if zeros or kind != 8:  # 8 is unsigned byte
        raise ValueError("not an idx file of bytes")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_cifar(paths: Sequence[Path], label_bytes: int) -> Part:
    """Read CIFAR's binary version: per image its label bytes, then its R, G and B planes.

    Args:
        paths: at least one file.
        label_bytes: label bytes per image, of which the last is read.

    Raises:
        UserError: a file is damaged.
    """
    parts = []
    for path in paths:
        with explain_damage(path):
            rows = np.fromfile(path, np.uint8).reshape(-1, label_bytes + 3072)
            pixels = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            parts.append(_part(pixels, rows[:, label_bytes - 1]))
    pixels, labels = zip(*parts, strict=True)
    return Part(np.concatenate(pixels), np.concatenate(labels))


def read_svhn_mat(path: Path) -> Part:
    """Read SVHN's cropped digits from a MATLAB file: X is (32, 32, 3, N), y is 1..10, of which 10 is the digit 0.

    Raises:
        UserError: the file is damaged.
    """
    with explain_damage(path):
        content = load_mat(path, "X", "y")
        return _part(content["X"].transpose(3, 0, 1, 2), content["y"].ravel() % 10)


def load_mat(path: Path, *names: str) -> dict[str, np.ndarray]:
    """Return the named variables of a MATLAB file (which is no pickle).

    Raises:
        ValueError: the file is damaged or of another version of the format; call it in :func:`explain_damage`.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=names)
    except Exception as error:  # a dozen types on damaged files, MemoryError and RecursionError among them
        raise ValueError(str(error) or type(error).__name__) from error


def read_stl(images: Path, labels: Path | None) -> Part:
    """Read STL-10's binary version: planes R, G, B of 96 x 96, column by column; labels 1..10.

    Args:
        images: the file of the images.
        labels: the file of their labels. None: they are unlabelled.

    Raises:
        UserError: a file is damaged.
    """
    with explain_damage(images):  # mapped, not read: the unlabelled part is 2.8 GB
        pixels = np.memmap(images, np.uint8, mode="r").reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
    if labels is None:
        return Part(pixels, np.full(len(pixels), UNLABELLED))
    with explain_damage(labels):
        return _part(pixels, np.fromfile(labels, np.uint8).astype(np.int64) - 1)


def read_zip_text(path: Path) -> Part:
    """Read USPS's ``zip.train`` or ``zip.test``, plain or gzipped: lines of a digit and 256 grey values in [-1, 1].

    Raises:
        UserError: the file is damaged.
    """
    with explain_damage(path):
        if not path.stat().st_size:
            raise ValueError("it is empty")
        rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
        pixels = np.clip(np.rint((rows[:, 1:] + 1) * 127.5), 0, 255).astype(np.uint8)
        return _part(pixels.reshape(-1, 16, 16), rows[:, 0])


def _part(pixels: np.ndarray, labels: np.ndarray) -> Part:
    labels = labels.astype(np.int64).reshape(-1)
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or not len(pixels):
        raise ValueError(f"images of shape {pixels.shape} and type {pixels.dtype}")
    if len(labels) != len(pixels):
        raise ValueError(f"{len(pixels)} images but {len(labels)} labels")
    return Part(pixels, labels)
