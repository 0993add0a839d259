"""What a reader returns: the images, their splits, and what is known about each."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

UNLABELLED = -1
PRESENT, ABSENT, UNKNOWN = 1, -1, 0
"""Marks of task ``multilabel``: what is known about one class in one image. In a CSV, however, 0 is absent."""
SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = range(3)
Flip = Literal["none", "horizontal", "both"]


@dataclass(frozen=True)
class ArrayImages:
    """Images of one size in memory: digits, MNIST, CIFAR-10, a user's own array."""

    pixels: np.ndarray
    """(N, H, W, C) uint8, C = 1 or 3."""


@dataclass(frozen=True)
class FileImages:
    """Images in files that were decoded once and found to be good."""

    root: Path
    files: tuple[str, ...]
    """N POSIX paths relative to ``root``."""
    sizes: np.ndarray
    """(N, 2) int32: width and height in pixels, after EXIF rotation."""
    grey: bool
    """No image has colour."""


@dataclass(frozen=True, eq=False)
class Dataset:
    """N images in a fixed order, with their splits and labels. Two data sets are equal only if they are one object.

    What a label is depends on the task, see :class:`fewlabels.data.labels.kind.LabelKind`.
    """

    name: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    """The name of each image in the ledger: its relative path, or ``train/000123`` for an image in memory."""
    splits: np.ndarray
    """(N,) int8: TRAIN, VAL or TEST."""
    labels: np.ndarray
    """Task ``classify``: (N,) int64, index into ``classes`` or UNLABELLED. Task ``multilabel``: (N, K) int8, PRESENT,
    ABSENT or UNKNOWN. Another task: N rows of its own."""
    images: ArrayImages | FileImages
    flip: Flip
    """The flips that preserve the label; "none" where the reader can't know that."""
    notes: tuple[str, ...] = ()
    """What the user should know about the data: ignored columns, images left out."""
    left_out: tuple[str, ...] = ()
    """Faulty images that ``--skip-bad`` left out; the ledger names them."""
    labelable: np.ndarray | None = None
    """(N,) bool, or None. None: every training image is in the unlabelled pool, and may be labelled if its label is
    known. Otherwise, as in domain adaptation, only the marked images may be labelled, and only the training images
    that are not marked are in the pool; the labels of those are for evaluation alone."""

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, split: int) -> np.ndarray:
        """Return the row numbers of one split, int64, ascending."""
        return np.flatnonzero(self.splits == split)

    def with_notes(self, *notes: str) -> "Dataset":
        """Return a copy with further notes."""
        return replace(self, notes=self.notes + notes)
