"""The images of a run, read again for the formats that need more than their paths."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fewlabels.data.dataset import ArrayImages, Dataset, FileImages
from fewlabels.errors import UserError
from fewlabels.exports.run_labels import RunLabels
from fewlabels.options import TrainOptions


@dataclass(frozen=True)
class SourceImages:
    """The images of N paths of a ledger."""

    dataset: Dataset
    rows: np.ndarray
    """(N,) int64: their row numbers in the data set."""

    @property
    def names(self) -> list[str]:
        """N names: file paths below the folder of the images, or the paths in the ledger if there are no files."""
        images = self.dataset.images
        return [(images.files if isinstance(images, FileImages) else self.dataset.paths)[row] for row in self.rows]

    def files(self, why: str) -> FileImages:
        """Return the files of the data set.

        Args:
            why: the beginning of the error message, who needs the files.

        Raises:
            UserError: if the images are stored in an array.
        """
        return file_images(self.dataset, why)


def file_images(dataset: Dataset, why: str) -> FileImages:
    """Return the files of a data set; arguments and error as for :meth:`SourceImages.files`."""
    if isinstance(dataset.images, ArrayImages):
        raise UserError(f"{why}, and the images of {dataset.name} are stored in an array; give --format csv")
    return dataset.images


def read_images(found: RunLabels, options: TrainOptions) -> SourceImages:
    """Read the data set again and look up the images that the run found labels for.

    Raises:
        UserError: if the data can't be read, or an image is missing.
    """
    dataset = read_all_images(found, options)
    return SourceImages(dataset, row_numbers(dataset, found.paths, options.data))


def read_all_images(found: RunLabels, options: TrainOptions) -> Dataset:
    """Read the data set of a run again.

    Raises:
        UserError: if the data can't be read.
    """
    try:
        return found.task.read(options)
    except UserError as error:
        hint = f"--data, --labels and --root say where the data of {found.run} are now"
        raise UserError(f"{error} ({hint})") from error


def row_numbers(dataset: Dataset, paths: Sequence[str], data: str) -> np.ndarray:
    """Return the row of each path, (n,) int64; :class:`UserError` for one that is not there."""
    number = {path: row for row, path in enumerate(dataset.paths)}
    for path in paths:
        if path not in number:
            raise UserError(f"'{path}' is no longer among the images of {data}; restore it, or name them with --data")
    return np.array([number[path] for path in paths], np.int64)


def stored_boxes(found: RunLabels) -> np.ndarray:
    """(N, 4) float64: the box of each image, x0, y0, x1, y1 in pixels of the stored image."""
    return np.array([image.box for image in found.images], np.float64).reshape(-1, 4)
