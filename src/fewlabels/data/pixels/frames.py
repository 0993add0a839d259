"""Convert boxes between fractions of the upright image, as the program uses, and stored pixels, as files have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fewlabels.data.dataset import ArrayImages, Dataset
from fewlabels.data.pixels.decode import DECODERS, ORIENTATION, in_threads
from fewlabels.errors import UserError

_SWAPPED = (5, 6, 7, 8)
"""Orientations in which the stored rows are the upright columns."""
_RIGHT_TO_LEFT = (2, 3, 6, 7)
"""Orientations in which the upright x axis runs against its axis in the stored image."""
_BOTTOM_TO_TOP = (3, 4, 7, 8)
"""The same for the upright y axis."""


@dataclass(frozen=True)
class Frames:
    """The pixel grids of N stored images, as Pillow opens them: before EXIF rotation."""

    sizes: np.ndarray
    """(N, 2) int64: stored width and height, in pixels."""
    orientations: np.ndarray
    """(N,) int8: the EXIF orientation, 1 (upright) to 8."""

    def to_stored(self, corners: np.ndarray) -> np.ndarray:
        """Convert fractions of the upright images to pixels of the stored ones.

        Args:
            corners: (N, 4), (x0, y0, x1, y1) from 0 to 1, a box per image.

        Returns:
            (N, 4) float64, (x0, y0, x1, y1) in pixels.
        """
        return _swapped(_mirrored(corners, self.orientations), self.orientations) * np.tile(self.sizes, 2)

    def to_upright(self, pixels: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Convert pixels of the stored images to fractions of the upright ones.

        Args:
            pixels: (M, 4), (x0, y0, x1, y1).
            index: (M,) int64: the image that each box is in, from 0 to N - 1.

        Returns:
            (M, 4) float64, from 0 to 1.
        """
        turned = self.orientations[index]
        return _mirrored(_swapped(pixels / np.tile(self.sizes[index], 2), turned), turned)


def frames(dataset: Dataset, rows: np.ndarray | None = None) -> Frames:
    """Return the grids of the images of a data set. Of a file only the header is read, no pixel.

    Args:
        dataset: images in memory are upright.
        rows: (N,) int64 row numbers. None: all rows.

    Raises:
        UserError: a file can no longer be read.
    """
    rows = np.arange(len(dataset)) if rows is None else rows
    images = dataset.images
    if isinstance(images, ArrayImages):
        height, width = images.pixels.shape[1:3]
        return Frames(np.tile(np.array([[width, height]], np.int64), (len(rows), 1)), np.ones(len(rows), np.int8))
    files = [images.root / images.files[row] for row in rows.tolist()]
    orientations = np.array(in_threads(_orientation, files), np.int8)
    upright = images.sizes[rows].astype(np.int64)
    return Frames(np.where(np.isin(orientations, _SWAPPED)[:, None], upright[:, ::-1], upright), orientations)


def _orientation(file: Path) -> int:
    """Return the orientation that ``decode`` applies: 1 where the metadata are damaged."""
    try:
        image = Image.open(file, formats=DECODERS)
    except Exception as error:
        raise UserError(f"'{file}' passed the check but can't be read now; restore it") from error
    with image:
        try:
            if image.format == "TIFF":
                image.load()  # Pillow turns these, and only these, while loading; the entry is gone afterwards
            orientation = image.getexif().get(ORIENTATION, 1)
        except Exception:
            return 1
    return orientation if orientation in range(1, 9) else 1


def _mirrored(corners: np.ndarray, orientations: np.ndarray) -> np.ndarray:
    """Count fractions from the other side along each axis that the orientation reverses."""
    x0, y0, x1, y1 = corners.astype(np.float64).T
    left, up = np.isin(orientations, _RIGHT_TO_LEFT), np.isin(orientations, _BOTTOM_TO_TOP)
    x0, x1 = np.where(left, 1 - x1, x0), np.where(left, 1 - x0, x1)
    y0, y1 = np.where(up, 1 - y1, y0), np.where(up, 1 - y0, y1)
    return np.stack([x0, y0, x1, y1], axis=1)


def _swapped(corners: np.ndarray, orientations: np.ndarray) -> np.ndarray:
    """Exchange x and y where the orientation does."""
    return np.where(np.isin(orientations, _SWAPPED)[:, None], corners[:, [1, 0, 3, 2]], corners)
