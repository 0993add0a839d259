"""Arrays that are slow to compute, cached between runs: ``.npy`` files named by a hash of what they depend on."""

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
from fewlabels.data.pixels.cache_folder import cache_folder, write_cache_file
from fewlabels.data.pixels.scan_cache import Stamp

LARGEST_ARRAY = 2 * 10**9
"""In bytes; larger arrays are not cached."""
TOTAL_SIZE = 10 * 10**9
"""Bytes that all arrays of a folder may take together; the least recently used are deleted first."""

_RULES = f"1, Pillow {PIL.__version__}"


def pixels_file(images: FileImages, size: int, channels: int) -> Path | None:
    """Return the cache file for the pixels of some images at one size.

    Args:
        images: N files.
        size: side of the square images, in pixels.
        channels: 1 or 3.

    Returns:
        None if an image file is missing, which decoding will report.
    """
    try:
        stamps = [Stamp.of(images.root / file) for file in images.files]
    except OSError:
        return None
    key = json.dumps([_RULES, str(images.root.resolve()), images.files, stamps, size, channels])
    return cache_folder() / "pixels" / f"{sha256(key.encode()).hexdigest()[:32]}.npy"


def load_array(file: Path, shape: tuple[int, ...], dtype: str) -> np.ndarray | None:
    """Return the cached array; None if it is absent, has another shape or type, or is damaged.

    The last 4 bytes of the file are a CRC-32 checksum of the array.
    """
    try:
        with file.open("rb") as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
            check = int.from_bytes(stream.read(), "little")
        os.utime(file)
    except (OSError, ValueError, EOFError, MemoryError):
        return None
    good = array.dtype == dtype and array.shape == shape and zlib.crc32(array.data) == check
    return array if good else None


def save_array(file: Path, array: np.ndarray) -> None:
    """Cache an array of at most ``LARGEST_ARRAY`` bytes, after deleting the least recently used ones to make room."""
    if array.nbytes > LARGEST_ARRAY:
        return
    _make_room(file.parent, array.nbytes)

    def write(stream: IO[bytes]) -> None:
        np.lib.format.write_array(stream, array, allow_pickle=False)
        stream.write(zlib.crc32(array.data).to_bytes(4, "little"))

    write_cache_file(file, write)


def _make_room(folder: Path, wanted: int) -> None:
    with suppress(OSError):
        found = sorted((file.stat().st_mtime_ns, file.stat().st_size, file) for file in folder.glob("*.npy"))
        total = sum(size for _, size, _ in found) + wanted
        for _, size, file in found:
            if total <= TOTAL_SIZE:
                break
            file.unlink()
            total -= size
