"""What a reader hands over: which images there are, which split each is in, and what is known of each."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

UNLABELLED = -1
PRESENT, ABSENT, UNKNOWN = 1, -1, 0
"""What a mark of task ``multilabel`` says of one class in one image. In a CSV, though, 0 is absent and -1 unknown."""
SPLITS = ("train", "val", "test")
TRAIN, VAL, TEST = range(3)
Flip = Literal["none", "horizontal", "both"]


@dataclass(frozen=True)
class ArrayImages:
    """Images that all have one size and are in memory: digits, MNIST, CIFAR-10, a user's own array."""

    pixels: np.ndarray
    """(N, H, W, C) uint8, C = 1 or 3."""


@dataclass(frozen=True)
class FileImages:
    """Images that lie in files, already found to be good."""

    root: Path
    files: tuple[str, ...]
    """N POSIX paths relative to ``root``."""
    sizes: np.ndarray
    """(N, 2) int32: width and height in pixels, after EXIF rotation."""
    grey: bool
    """No image has colour."""


@dataclass(frozen=True)
class Dataset:
    """One row per image, in one order that never changes.

    Task ``classify``: one class per image or none. Task ``multilabel``: for each image and class a mark.
    """

    name: str
    classes: tuple[str, ...]
    paths: tuple[str, ...]
    """The name of each image in the ledger: its relative path, or ``train/000123`` for an image of an array."""
    splits: np.ndarray
    """(N,) int8: TRAIN, VAL or TEST."""
    labels: np.ndarray
    """``classify``: (N,) int64: index into ``classes``, or UNLABELLED. ``multilabel``: (N, K) int8: PRESENT, ABSENT or
    UNKNOWN."""
    images: ArrayImages | FileImages
    flip: Flip
    """Which mirror images are the same thing to a person; never a flip where the reader can't know it is harmless."""
    notes: tuple[str, ...] = ()
    """What the user should be told about the reading: ignored columns, images left out."""
    left_out: tuple[str, ...] = ()
    """Faulty images that ``--skip-bad`` went on without; the ledger names them."""
    labelable: np.ndarray | None = None
    """(N,) bool, or None. None: every training image is in the unlabelled pool, and may be labelled if its label is
    known. Else the two are apart, as in domain adaptation: only the marked images may be labelled, and only the
    training images that are not marked are in the pool; their labels are for evaluation alone."""

    def __len__(self) -> int:
        return len(self.paths)

    def rows(self, split: int) -> np.ndarray:
        """The row numbers of one split, int64, in order."""
        return np.flatnonzero(self.splits == split)

    def with_notes(self, *notes: str) -> "Dataset":
        return replace(self, notes=self.notes + notes)
