"""The interface that a new kind of label implements; everything else about reading data is shared."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, Generic

import numpy as np

from fewlabels.data.dataset import Dataset
from fewlabels.data.labels.annotations import Annotations, L
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.labels.row_per_image import read_row_per_image


class LabelKind(ABC, Generic[L]):
    """What a label is in a task: how labels are read, compared, checked and stored in one array.

    A task has one object of a subclass, which it gives to :func:`fewlabels.data.read.read` and
    :func:`fewlabels.data.check.check`. These find and decode the images, apply EXIF rotation, assign splits, and find
    faulty files, exact copies and contradictions; none of it has to be written again. Where the CSV has one row per
    image, ``title``, ``columns``, ``parse``, ``to_array`` and ``is_labelled`` are all that a subclass needs. Labels
    are of type ``L``; None is an unlabelled image.
    """

    title: ClassVar[str]
    """What an image has, for messages: "one class per image"."""
    columns: ClassVar[tuple[str, ...]]
    """The CSV columns that hold the label, in lower case, without ``path`` and ``split``."""

    @property
    def header(self) -> str:
        """The first line of a CSV of such labels, for messages."""
        return ",".join(("path", *self.columns))

    @abstractmethod
    def to_array(
        self, labels: Sequence[L | None], classes: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Store N labels in one array.

        Args:
            labels: in the order of the images.
            classes: as in :class:`Annotations`; None where the data do not fix them.

        Returns:
            The names of the classes, () where labels are no classes, and ``Dataset.labels``: N rows.
        """

    @abstractmethod
    def is_labelled(self, labels: np.ndarray) -> np.ndarray:
        """Return which images have a label, (N,) bool, from ``Dataset.labels``."""

    def parse(self, cells: Mapping[str, str], path: str) -> L | None:
        """Read the label of one image from the cells of its row.

        Args:
            cells: by the name of the column, "" where a cell is empty. Every name in ``columns`` is there.
            path: the image, for messages.

        Returns:
            None where the row states no label.

        Raises:
            BadRow: the cells hold no label of this kind.
        """
        raise NotImplementedError

    def read_csv(self, file: Path, files: Sequence[str]) -> Annotations[L]:
        """Read a CSV of labels. By default it has one row per image, which :meth:`parse` reads.

        Args:
            file: CSV in UTF-8 (with or without byte order mark) or UTF-16, delimited by comma, semicolon or tab.
            files: the images of the data set, as POSIX paths relative to the data folder.

        Raises:
            UserError: the file cannot be opened. Anything else that is wrong becomes a fault with its row, which is
                the line of the file in which the row starts.
        """
        return read_row_per_image(file, files, self.columns, self.parse, partial(self.difference, ()))

    def read_folders(self, files: Sequence[str]) -> Annotations[L] | None:
        """Read the labels from the folders of the images. By default folders say nothing: None."""
        return None

    def describe(self, label: L | None) -> str:
        """Return a label as messages show it."""
        return "unlabelled" if label is None else repr(label)

    def difference(self, classes: Sequence[str], this: L | None, other: L | None) -> tuple[str, str] | None:
        """Compare the labels that two rows give one image: None if they are the same, else both described."""
        return None if this == other else (self.describe(this), self.describe(other))

    def conflict(self, annotations: Annotations[L], paths: Sequence[str]) -> tuple[str, str] | None:
        """Compare the labels of files with the same bytes.

        Returns:
            The first image whose label cannot be true if that of another is, and what is wrong with it. None if there
            is none.
        """
        labels = [(path, annotations.images[path].label) for path in paths if path in annotations.images]
        known = [(path, label) for path, label in labels if label is not None]
        for copy, other in known[1:]:
            path, label = known[0]
            if other != label:
                what = (
                    f"the same bytes as '{copy}', but labelled {self.describe(label)} and that {self.describe(other)}"
                )
                return path, what
        return None

    def faults(self, annotations: Annotations[L]) -> list[Fault]:
        """Find what is wrong with the labels as a whole; images with other faults are already left out."""
        return []

    def notes(self, dataset: Dataset) -> list[Note]:
        """Find what is remarkable about the labels of the data set."""
        return []

    def details(self, dataset: Dataset) -> list[str]:
        """Return what the summary of ``fewlabels check`` says in addition to the number of labelled images."""
        return []
