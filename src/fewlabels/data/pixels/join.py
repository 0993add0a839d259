"""Join the images of two data sets."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from fewlabels.data.dataset import ArrayImages, Dataset, FileImages
from fewlabels.errors import UserError


def join_images(
    first: Dataset, first_rows: np.ndarray, second: Dataset, second_rows: np.ndarray
) -> tuple[ArrayImages | FileImages, str]:
    """Join some images of two data sets, in this order.

    Images in memory are resized to the size of the first (bicubic, with antialiasing), and converted to RGB where
    either has colour.

    Args:
        first: both in memory, or both in files.
        first_rows: (N,) int64 row numbers.
        second: as ``first``.
        second_rows: (M,) int64 row numbers.

    Returns:
        N + M images, and how those of the second were changed, as the end of a sentence: "" if they were not.

    Raises:
        UserError: one is in memory and the other in files.
    """
    if isinstance(first.images, ArrayImages) and isinstance(second.images, ArrayImages):
        return _join_arrays(first.images.pixels[first_rows], second.images.pixels[second_rows])
    if isinstance(first.images, FileImages) and isinstance(second.images, FileImages):
        return _join_files(first.images, first_rows, second.images, second_rows), ""
    arrays, files = (first, second) if isinstance(first.images, ArrayImages) else (second, first)
    raise UserError(
        f"{arrays.name} is in memory and {files.name} in files, which can't be joined; save {arrays.name} as a folder"
    )


def _join_arrays(first: np.ndarray, second: np.ndarray) -> tuple[ArrayImages, str]:
    (height, width), before = first.shape[1:3], second.shape[1:3]
    how = ""
    if before != (height, width):
        second = _resize(second, height, width)
        sizes = [f"{h}" if h == w else f"{h} x {w}" for h, w in (before, (height, width))]
        how = f", resized from {sizes[0]} to {sizes[1]} px"
    if first.shape[3] != second.shape[3]:
        how += f", in RGB as {'these' if first.shape[3] == 1 else 'the others'} are"
        first, second = (np.broadcast_to(pixels, (*pixels.shape[:3], 3)) for pixels in (first, second))
    return ArrayImages(np.concatenate([first, second])), how


def _resize(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (N, H, W, C) uint8 to (N, height, width, C), image by image."""
    flat = pixels[..., 0] if pixels.shape[3] == 1 else pixels
    resized = [Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC) for image in flat]
    return np.stack([np.asarray(image) for image in resized]).reshape(len(pixels), height, width, -1)


def _join_files(first: FileImages, first_rows: np.ndarray, second: FileImages, second_rows: np.ndarray) -> FileImages:
    """Join files under the lowest folder that holds both data sets."""
    roots = [first.root.resolve(), second.root.resolve()]
    top = Path(os.path.commonpath(roots))
    files = [
        (root.relative_to(top) / images.files[row]).as_posix()
        for root, images, rows in zip(roots, (first, second), (first_rows, second_rows), strict=True)
        for row in rows
    ]
    sizes = np.concatenate([first.sizes[first_rows], second.sizes[second_rows]])
    return FileImages(top, tuple(files), sizes, grey=first.grey and second.grey)
