"""The true boxes of images. They are for evaluation alone, and so never part of a data set."""

from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from fewlabels.data.dataset import Dataset
from fewlabels.data.known.catalogue import KNOWN_BOXES
from fewlabels.data.known.imagenet_wsol import is_localization, read_localization
from fewlabels.data.labels.boxes_csv import BoxRow, BoxRows, has_box_columns, read_box_csv
from fewlabels.data.labels.csv_rows import ImageIndex
from fewlabels.data.labels.faults import DataFaults, Fault, Note, any_fatal, shortened
from fewlabels.data.pixels.frames import frames
from fewlabels.data.pixels.scan_cache import Stamp
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions

OVERHANG = 1.0
"""Pixels by which a box in a CSV may reach out of its image, from rounding or counting from 1; it is clipped."""


@dataclass(frozen=True)
class TrueBoxes:
    """M boxes of some images; an image may have several, or none.

    A box without area is kept (7 of Tiny-ImageNet's first 11,000 have none); its IoU with any box is 0.
    """

    row: np.ndarray
    """(M,) int64, ascending: the row of the image that each box is in."""
    corners: np.ndarray
    """(M, 4) float64: (x0, y0, x1, y1) as fractions of the upright image, half-open, from 0 to 1."""
    notes: tuple[str, ...] = ()
    """What the user should know about the boxes."""

    def __len__(self) -> int:
        return len(self.row)

    def of(self, rows: np.ndarray) -> "TrueBoxes":
        """Return the boxes of some images, numbered by their positions in ``rows``, an (N,) array without repeats."""
        position = {row: place for place, row in enumerate(rows.tolist())}
        places = np.array([position.get(row, -1) for row in self.row.tolist()], np.int64)
        return _in_order(places[places >= 0], self.corners[places >= 0], self.notes)


def read_boxes(dataset: Dataset, options: TrainOptions) -> TrueBoxes | None:
    """Return the boxes of a data set from the first of these places that exists; None if none does.

    The file of ``--boxes``; ``boxes.csv`` in the folder of the data; the columns ``x0,y0,x1,y1`` of the CSV with the
    labels, unless it has a column ``confidence``, with which a model wrote them; the boxes of a known data set.
    Everywhere boxes are in pixels of the stored image, before EXIF rotation.

    A CSV must fit the data: a box that reaches out of its image by more than ``OVERHANG`` is a fault. Official lists
    are read as they are, and their boxes are clipped to the image, as CUB-200-2011 needs. The files are read again
    only when they change.

    Args:
        dataset: the data set that ``options.data`` and ``options.labels`` name.
        options: ``data``, ``labels``, ``root``, ``boxes`` (a CSV, or ``localization.txt`` as in
            :mod:`fewlabels.data.known.imagenet_wsol`) and ``skip_bad``, which leaves out faulty rows.

    Raises:
        UserError: there is no such file, or (DataFaults) something in it is wrong.
    """
    boxes, folder = options.boxes, Path(options.data)
    labels = Path(options.labels) if options.labels else folder / "labels.csv"
    stamps = [_stamp(file) for file in ([Path(boxes)] if boxes else [folder / "boxes.csv", labels])]
    key = options.data, options.labels, options.root, boxes, options.skip_bad, *stamps
    done = _cache.setdefault(dataset, {})
    if key not in done:
        done[key] = _read(dataset, options, labels)
    return done[key]


_cache: WeakKeyDictionary[Dataset, dict[tuple[object, ...], TrueBoxes | None]] = WeakKeyDictionary()
"""The boxes of each data set in use, by what they were read from."""


def _stamp(file: Path) -> Stamp | None:
    try:
        return Stamp.of(file)
    except OSError:
        return None


def _read(dataset: Dataset, options: TrainOptions, labels: Path) -> TrueBoxes | None:
    boxes, folder = options.boxes, Path(options.data)
    if boxes is not None and is_localization(Path(boxes)):
        return _read_localization(dataset, Path(boxes), options)
    if boxes is not None:
        return _read_csv(dataset, Path(boxes), options)
    if (folder / "boxes.csv").is_file():
        return _read_csv(dataset, folder / "boxes.csv", options)
    if labels.is_file() and has_box_columns(labels):
        return _read_csv(dataset, labels, options)
    reader = None if folder.exists() else KNOWN_BOXES.get(options.data.lower())
    rows = reader(Path(options.root)) if reader else None
    return None if rows is None else _placed(dataset, BoxRows(rows), np.inf, options)


def _read_csv(dataset: Dataset, file: Path, options: TrainOptions) -> TrueBoxes:
    index = ImageIndex((*dataset.paths, *dataset.left_out))
    return _placed(dataset, read_box_csv(file, index), OVERHANG, options)


def _read_localization(dataset: Dataset, file: Path, options: TrainOptions) -> TrueBoxes:
    """Read an official list; it may name other images too, and its paths may lack the leading ``images/``."""
    paths = set(dataset.paths)
    listed = read_localization(file)
    rows = [row if row.path in paths else row._replace(path=f"images/{row.path}") for row in listed]
    if not any(row.path in paths for row in rows):
        raise UserError(
            f"'{file}' names no image of {dataset.name} (first '{listed[0].path}'); name the list of its boxes"
        )
    return _placed(dataset, BoxRows(rows), np.inf, options)


def _placed(dataset: Dataset, found: BoxRows, overhang: float, options: TrainOptions) -> TrueBoxes:
    """Put the boxes into their images; those of images that are not in the data are left out."""
    number = {path: row for row, path in enumerate(dataset.paths)}
    rows = [row for row in found.rows if row.path in number]
    own, index = np.unique(np.array([number[row.path] for row in rows], np.int64), return_inverse=True)
    grids = frames(dataset, own)
    sizes = grids.sizes[index]
    written = np.array([row.box for row in rows], np.float64).reshape(-1, 4)
    pixels = written * _scale(rows, sizes)
    checked = [_fault(*box, overhang) for box in zip(rows, pixels, sizes, strict=True)]
    faults = [*found.faults, *(fault for fault in checked if fault)]
    if any_fatal(faults) or (faults and not options.skip_bad):
        words = ("--boxes", options.boxes) if options.boxes else ()
        raise DataFaults(sorted(faults, key=_row_number), options.data, "--task", "localize", *words)
    good = np.array([fault is None for fault in checked], bool)
    clipped = pixels.clip(0, np.tile(sizes, 2))
    notes = [*found.notes, *(Note("a box left out", f"left out: {fault}") for fault in faults)]
    if far := int((np.abs(pixels - clipped).max(1, initial=0) > OVERHANG)[good].sum()):
        notes.append(Note("", f"{far} boxes reach out of their images by more than a pixel and are clipped"))
    if others := len(found.rows) - len(rows):
        notes.append(Note("", f"{others} boxes of images that are not among the data are not used"))
    return _in_order(own[index][good], grids.to_upright(clipped, index)[good], shortened(notes))


def _scale(rows: list[BoxRow], sizes: np.ndarray) -> np.ndarray:
    """Return (M, 4): the factors from the pixels that the boxes refer to to those of the images at hand."""
    listed = [row.size or tuple(size) for row, size in zip(rows, sizes.tolist(), strict=True)]
    return np.tile(sizes / np.array(listed, np.float64).reshape(-1, 2), 2)


def _fault(row: BoxRow, pixels: np.ndarray, size: np.ndarray, overhang: float) -> Fault | None:
    """Find what is wrong with a box, (4,) in pixels, in an image of a width and height."""
    corners, extent = ",".join(f"{value:g}" for value in row.box), f"{size[0]} x {size[1]} pixels"
    if not np.isfinite(pixels).all():
        return Fault(row.where, f"the box {corners} has a value that is not a finite number", "correct it")
    low, high = pixels[:2], pixels[2:]
    if (high < low).any():
        return Fault(row.where, f"the box {corners} ends before it begins", "write its left, top, right and bottom")
    remedy = "write pixels of the stored file, before EXIF rotation"
    if (high < 0).any() or (low > size).any():
        return Fault(row.where, f"the box {corners} is outside '{row.path}' of {extent}", remedy)
    if (out := max((-low).max(), (high - size).max())) > overhang:
        return Fault(row.where, f"the box {corners} reaches {out:g} pixels out of '{row.path}' of {extent}", remedy)
    return None


def _row_number(fault: Fault) -> int:
    """Return 17 for a fault in ``boxes.csv row 17``, and 0 for one of the whole file."""
    last = fault.where.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0


def _in_order(row: np.ndarray, corners: np.ndarray, notes: tuple[str, ...]) -> TrueBoxes:
    order = np.argsort(row, kind="stable")
    return TrueBoxes(row[order], corners[order], notes)
