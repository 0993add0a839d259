"""The official file formats of the known data sets, read without pickle. Pixels come as (N, H, W, C) uint8."""

import csv
import gzip
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fewlabels.data.dataset import UNLABELLED
from fewlabels.errors import UserError

_DAMAGE = (
    OSError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    csv.Error,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


class Part(NamedTuple):
    """One split of a data set."""

    pixels: np.ndarray
    """(N, H, W, C) uint8."""
    labels: np.ndarray
    """(N,) int64 from 0, or UNLABELLED."""


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Say which file is damaged, whatever its reader stumbled over."""
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"'{path}' is damaged or not what its name says ({reason}); get it again") from error


def read_npz(path: Path) -> tuple[Part, Part]:
    """Train and test from an ``.npz`` with x_train, y_train, x_test, y_test; x is (N, H, W) or (N, H, W, C) uint8."""
    with naming(path), np.load(path, allow_pickle=False) as arrays:
        train, test = (_part(arrays[f"x_{name}"], arrays[f"y_{name}"]) for name in ("train", "test"))
        return train, test


def read_idx(images: Path, labels: Path) -> Part:
    """MNIST's files, plain or gzipped: big-endian magic number, sizes, bytes."""
    with naming(images):
        pixels = _idx(images)
    with naming(labels):
        return _part(pixels, _idx(labels))


def _idx(path: Path) -> np.ndarray:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    zeros, kind, dimensions = struct.unpack_from(">HBB", content)
    if zeros or kind != 8:  # 8 is unsigned byte
        raise ValueError("not an idx file of bytes")
    shape = struct.unpack_from(f">{dimensions}I", content, 4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def read_cifar(paths: Sequence[Path], label_bytes: int) -> Part:
    """CIFAR's binary version: per image its label bytes, of which the last counts, then the R, G and B planes."""
    parts = []
    for path in paths:
        with naming(path):
            rows = np.fromfile(path, np.uint8).reshape(-1, label_bytes + 3072)
            pixels = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
            parts.append(_part(pixels, rows[:, label_bytes - 1]))
    pixels, labels = zip(*parts, strict=True)
    return Part(np.concatenate(pixels), np.concatenate(labels))


def read_svhn(path: Path) -> Part:
    """SVHN's cropped digits, a MATLAB file: X is (32, 32, 3, N), y is 1..10, of which 10 is the digit 0."""
    with naming(path):
        content = load_mat(path, "X", "y")
        return _part(content["X"].transpose(3, 0, 1, 2), content["y"].ravel() % 10)


def load_mat(path: Path, *names: str) -> dict[str, np.ndarray]:
    """The named variables of a MATLAB file (which is no pickle); within :func:`naming`.

    Raises:
        ValueError: it is damaged, or another version of the format.
    """
    from scipy.io import loadmat

    try:
        return loadmat(path, variable_names=names)
    except Exception as error:  # a dozen types on damaged files, MemoryError and RecursionError among them
        raise ValueError(str(error) or type(error).__name__) from error


def read_stl(images: Path, labels: Path | None) -> Part:
    """STL-10's binary version: planes R, G, B of 96 x 96, column by column; labels 1..10."""
    with naming(images):  # mapped, not read: the unlabelled part is 2.8 GB
        pixels = np.memmap(images, np.uint8, mode="r").reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1)
    if labels is None:
        return Part(pixels, np.full(len(pixels), UNLABELLED))
    with naming(labels):
        return _part(pixels, np.fromfile(labels, np.uint8).astype(np.int64) - 1)


def read_zip_text(path: Path) -> Part:
    """USPS's ``zip.train`` and ``zip.test``, plain or gzipped: lines of a digit and 256 grey values in [-1, 1]."""
    with naming(path):
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
