"""The true boxes of images, to evaluate by and never to learn from: no data set holds them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import Dataset
from fewlabels.data.known.boxes import known_boxes
from fewlabels.data.known.imagenet_wsol import is_localization, read_localization
from fewlabels.data.labels.boxes_csv import BoxRow, BoxRows, has_box_columns, read_box_csv
from fewlabels.data.labels.csv_rows import ImageIndex
from fewlabels.data.labels.faults import DataFaults, Fault, Note, shortened
from fewlabels.data.pixels.frames import frames
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions

OVERHANG = 1.0
"""By how many pixels a box in a CSV may reach out of its image, as rounding and counting from 1 do; it is clipped."""


@dataclass(frozen=True)
class TrueBoxes:
    """M boxes of some images; an image may have several, or none.

    A box of no width or height is kept (7 of Tiny-ImageNet's first 11,000 are so), and is never hit: its IoU is 0.
    """

    row: np.ndarray
    """(M,) int64, ascending: which image each box is in."""
    corners: np.ndarray
    """(M, 4) float64: (x0, y0, x1, y1) as fractions of the upright image, half-open, in 0..1."""
    notes: tuple[str, ...] = ()
    """What the user should be told about the reading."""

    def __len__(self) -> int:
        return len(self.row)

    def of(self, rows: np.ndarray) -> "TrueBoxes":
        """The boxes of some images, numbered by their positions in ``rows``, an (N,) array of different numbers."""
        position = {row: place for place, row in enumerate(rows.tolist())}
        places = np.array([position.get(row, -1) for row in self.row.tolist()], np.int64)
        return _in_order(places[places >= 0], self.corners[places >= 0], self.notes)


def read_boxes(dataset: Dataset, options: TrainOptions) -> TrueBoxes | None:
    """The boxes of a data set, from the first of these that is there; None if none is.

    The file of ``--boxes``; ``boxes.csv`` in the folder of the data; the columns ``x0,y0,x1,y1`` of the CSV with the
    labels, unless a column ``confidence`` beside them says that a model wrote them; what a known data set brings. In
    all of them boxes are in pixels of the stored image, before EXIF turns it.

    A CSV must fit the data: a box that reaches out of its image by more than ``OVERHANG`` is a fault. The official
    lists are taken as they are, and their boxes are clipped to the image, as CUB-200-2011's must be.

    Args:
        dataset: what ``options.data`` and ``options.labels`` name.
        options: ``data``, ``labels``, ``root``, ``boxes`` (a CSV, or ``localization.txt`` as in
            :mod:`fewlabels.data.known.imagenet_wsol`) and ``skip_bad``, which goes on without faulty rows.

    Raises:
        UserError: there is no such file; as DataFaults, something is wrong with it or with a row.
    """
    boxes = options.boxes
    folder = Path(options.data)
    if boxes is not None and is_localization(Path(boxes)):
        return _read_localization(dataset, Path(boxes), options)
    if boxes is not None:
        return _read_csv(dataset, Path(boxes), options)
    if (folder / "boxes.csv").is_file():
        return _read_csv(dataset, folder / "boxes.csv", options)
    labels = Path(options.labels) if options.labels else folder / "labels.csv"
    if labels.is_file() and has_box_columns(labels):
        return _read_csv(dataset, labels, options)
    if folder.exists():
        return None
    rows = known_boxes(options.data.lower(), Path(options.root))
    return None if rows is None else _placed(dataset, BoxRows(rows), np.inf, options)


def _read_csv(dataset: Dataset, file: Path, options: TrainOptions) -> TrueBoxes:
    index = ImageIndex((*dataset.paths, *dataset.left_out))
    return _placed(dataset, read_box_csv(file, index), OVERHANG, options)


def _read_localization(dataset: Dataset, file: Path, options: TrainOptions) -> TrueBoxes:
    """An official list may name more images than there are here, in the folder that holds them or from above it."""
    paths = set(dataset.paths)
    told = read_localization(file)
    rows = [row if row.path in paths else row._replace(path=f"images/{row.path}") for row in told]
    if not any(row.path in paths for row in rows):
        raise UserError(
            f"'{file}' names no image of {dataset.name} (first '{told[0].path}'); name the list of its boxes"
        )
    return _placed(dataset, BoxRows(rows), np.inf, options)


def _placed(dataset: Dataset, told: BoxRows, overhang: float, options: TrainOptions) -> TrueBoxes:
    """The boxes in their images; those of images that are not in the data are left out."""
    number = {path: row for row, path in enumerate(dataset.paths)}
    rows = [row for row in told.rows if row.path in number]
    own, index = np.unique(np.array([number[row.path] for row in rows], np.int64), return_inverse=True)
    grids = frames(dataset, own)
    sizes = grids.sizes[index]
    written = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    pixels = written * _scale(rows, sizes)
    found = [_fault(*what, overhang) for what in zip(rows, pixels, sizes, strict=True)]
    faults = [*told.faults, *(fault for fault in found if fault)]
    if any(fault.fatal for fault in faults) or (faults and not options.skip_bad):
        words = ("--boxes", options.boxes) if options.boxes else ()
        raise DataFaults(sorted(faults, key=_row_number), options.data, "--task", "localize", *words)
    good = np.array([fault is None for fault in found], bool)
    clipped = pixels.clip(0, np.tile(sizes, 2))
    notes = [*told.notes, *(Note("a box left out", f"left out: {fault}") for fault in faults)]
    if far := int((np.abs(pixels - clipped).max(1, initial=0) > OVERHANG)[good].sum()):
        notes.append(Note("", f"{far} boxes reach out of their images by more than a pixel and are clipped"))
    if others := len(told.rows) - len(rows):
        notes.append(Note("", f"{others} boxes of images that are not among the data are not used"))
    return _in_order(own[index][good], grids.to_upright(clipped, index)[good], shortened(notes))


def _scale(rows: list[BoxRow], sizes: np.ndarray) -> np.ndarray:
    """(M, 4): from the pixels that the boxes are written in to those of the images at hand."""
    listed = [row.size or tuple(size) for row, size in zip(rows, sizes.tolist(), strict=True)]
    return np.tile(sizes / np.array(listed, np.float64).reshape(-1, 2), 2)


def _fault(row: BoxRow, pixels: np.ndarray, size: np.ndarray, overhang: float) -> Fault | None:
    """What is wrong with a box in its image of that width and height."""
    corners, extent = ",".join(f"{value:g}" for value in row.box), f"{size[0]} x {size[1]} pixels"
    if not np.isfinite(pixels).all():
        return Fault(row.where, f"the box {corners} is not of numbers", "mend it")
    low, high = pixels[:2], pixels[2:]
    if (high < low).any():
        return Fault(row.where, f"the box {corners} ends before it begins", "write its left, top, right and bottom")
    mend = "write pixels of the file as it is stored, before EXIF turns it"
    if (high < 0).any() or (low > size).any():
        return Fault(row.where, f"the box {corners} lies outside '{row.path}' of {extent}", mend)
    if (out := max((-low).max(), (high - size).max())) > overhang:
        return Fault(row.where, f"the box {corners} reaches {out:g} pixels out of '{row.path}' of {extent}", mend)
    return None


def _row_number(fault: Fault) -> int:
    """Of ``boxes.csv row 17``; 0 for a fault of the whole file."""
    last = fault.where.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _in_order(row: np.ndarray, corners: np.ndarray, notes: tuple[str, ...]) -> TrueBoxes:
    order = np.argsort(row, kind="stable")
    return TrueBoxes(row[order], corners[order], notes)
