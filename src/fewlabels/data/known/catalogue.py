"""The known data sets by name. To add one, write a module that reads its files and name its reader here."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fewlabels.data.dataset import Dataset
from fewlabels.data.known import arrays, digit_scenes
from fewlabels.data.known.cars import read_cars
from fewlabels.data.known.coco2014 import read_coco2014
from fewlabels.data.known.cub200 import read_cub200, read_cub200_boxes
from fewlabels.data.known.imagenet_wsol import read_imagenet, read_imagenet_boxes
from fewlabels.data.known.official_lists import OfficialLists
from fewlabels.data.known.openimages import read_openimages
from fewlabels.data.known.tiny_imagenet import read_tiny_imagenet, read_tiny_imagenet_boxes
from fewlabels.data.known.visual_genome import read_visual_genome
from fewlabels.data.known.voc2007 import read_voc2007
from fewlabels.data.labels.boxes_csv import BoxRow
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.marks import MARKS
from fewlabels.errors import UserError, nearest

Reader = Callable[[Path], Dataset | OfficialLists[Any]]
"""Read a data set whose files are below a folder; where its images are files, only their lists.

It raises UserError where a file is missing or damaged.
"""

KNOWN: dict[LabelKind[Any], Mapping[str, Reader]] = {
    CLASSES: {
        "digits": arrays.read_digits,
        "digit-scenes": digit_scenes.read_digit_scenes,
        "mnist": arrays.read_mnist,
        "usps": arrays.read_usps,
        "cifar10": arrays.read_cifar10,
        "cifar100": arrays.read_cifar100,
        "svhn": arrays.read_svhn,
        "stl10": arrays.read_stl10,
        "cub200": read_cub200,
        "cars": read_cars,
        "tiny-imagenet": read_tiny_imagenet,
        "imagenet": read_imagenet,
    },
    MARKS: {
        "digit-scenes": digit_scenes.read_digit_scene_marks,
        "voc2007": read_voc2007,
        "coco2014": read_coco2014,
        "visual-genome": read_visual_genome,
        "openimages": read_openimages,
    },
}
"""The readers of each kind of label, by the names of the data sets."""

KNOWN_BOXES: Mapping[str, Callable[[Path], list[BoxRow] | None]] = {
    "digit-scenes": digit_scenes.read_digit_scene_boxes,
    "cub200": read_cub200_boxes,
    "tiny-imagenet": read_tiny_imagenet_boxes,
    "imagenet": read_imagenet_boxes,
}
"""The readers of true boxes, for evaluation alone; they return None where the files of the boxes are missing."""


def known_names(kind: LabelKind[Any]) -> tuple[str, ...]:
    """Return the names of the known data sets with labels of a kind."""
    return tuple(KNOWN.get(kind, ()))


def find_data(kind: LabelKind[Any], data: str, labels: Path | None, root: Path) -> Path | Dataset | OfficialLists[Any]:
    """Return the folder that ``data`` names, not yet looked at, or the known data set of that name in any case.

    Args:
        kind: what a label is.
        data: a folder, or a name of :func:`known_names`.
        labels: the CSV that was asked for.
        root: the directory of the known data sets.

    Raises:
        UserError: there is neither, the files of a known data set are missing or damaged, or it was given a CSV.
    """
    folder = Path(data)
    if folder.exists():
        return folder
    readers = KNOWN.get(kind, {})
    if data.lower() not in readers:
        names = f" and no known data set of that name with {kind.title}; {nearest(data, readers)}" if readers else ""
        raise UserError(f"no folder '{data}'{names or '; give the folder that holds the images'}")
    if labels is not None:
        raise UserError(f"the known data set '{data}' has its own labels; --labels is for a folder of images")
    return readers[data.lower()](root)
