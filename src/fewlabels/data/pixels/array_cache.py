"""What is slow to make, kept between starts: ``.npy`` files in the cache folder, under a hash of what made them."""

import json
import os
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import IO

import numpy as np
import PIL

from fewlabels.data.dataset import FileImages
from fewlabels.data.pixels.cache import cache_folder, keep
from fewlabels.data.pixels.remember import Stamp

LARGEST = 2 * 10**9
"""Bytes; larger arrays are not kept."""
TOTAL = 10 * 10**9
"""Bytes that all arrays of a folder may take together; those used longest ago are deleted first."""

_RULES = f"1, Pillow {PIL.__version__}"


def place_pixels(images: FileImages, size: int, channels: int) -> Path | None:
    """Where the pixels of these images at this size are kept; None if a file is gone, which decoding will report."""
    try:
        stamps = [Stamp.of(images.root / file) for file in images.files]
    except OSError:
        return None
    key = json.dumps([_RULES, str(images.root.resolve()), images.files, stamps, size, channels])
    return cache_folder() / "pixels" / f"{sha256(key.encode()).hexdigest()[:32]}.npy"


def load(file: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
    """The array kept there, or None if it is absent, another one or damaged: its last 4 bytes are its checksum."""
    try:
        with file.open("rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            check = int.from_bytes(stream.read(), "little")
        os.utime(file)
    except (OSError, ValueError, EOFError, MemoryError):
        return None
    good = array.dtype == dtype and array.shape == shape and zlib.crc32(array.data) == check
    return array if good else None


def save(file: Path, array: np.ndarray) -> None:
    """Keep the array if it is not too large, and make room for it."""
    if array.nbytes > LARGEST:
        return
    _make_room(file.parent, array.nbytes)

    def write(stream: IO[bytes]) -> None:
        np.lib.format.write_array(stream, array, allow_pickle=False)
        stream.write(zlib.crc32(array.data).to_bytes(4, "little"))

    keep(file, write)


def _make_room(folder: Path, wanted: int) -> None:
    with suppress(OSError):
        found = sorted((file.stat().st_mtime_ns, file.stat().st_size, file) for file in folder.glob("*.npy"))
        total = sum(size for _, size, _ in found) + wanted
        for _, size, file in found:
            if total <= TOTAL:
                break
            file.unlink()
            total -= size
