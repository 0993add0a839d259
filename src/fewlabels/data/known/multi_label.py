"""Known data sets of several labels per image, by name. A new one is a function here, registered under its name."""

from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known import coco2014, openimages, visual_genome, voc2007
from fewlabels.data.known.class_names import DIGITS
from fewlabels.data.known.locate import first, need
from fewlabels.data.known.official_marks import OfficialMarks
from fewlabels.data.known.registry import Registry

REGISTRY: Registry[Dataset | OfficialMarks] = Registry(" with several labels per image")


def known_marks(name: str, root: Path) -> Dataset | OfficialMarks | None:
    """The known data set of that name, or None if there is none; of one whose images are files, the lists of them.

    Args:
        name: one of ``KNOWN_MARKS_NAMES``.
        root: the folder that holds the data set's files.

    Raises:
        UserError: its files are not there, or are damaged.
    """
    return REGISTRY.read(name, root)


@REGISTRY.register("digit-scenes")
def _digit_scenes(root: Path) -> Dataset:
    """1,500 / 500 of 64 x 64 in colour: one to four of scikit-learn's digits over parts of its photographs; drawn."""
    from fewlabels.data.known.scenes import MOST_DIGITS, draw_scenes

    train, test = draw_scenes(1500, 0, "train", (1, MOST_DIGITS)), draw_scenes(500, 0, "test", (1, MOST_DIGITS))
    counts = {"train": len(train.pixels), "test": len(test.pixels)}
    return Dataset(
        name="digit-scenes",
        classes=DIGITS,
        paths=tuple(f"{split}/{row:06d}" for split, count in counts.items() for row in range(count)),
        splits=np.repeat(np.array([TRAIN, TEST], np.int8), list(counts.values())),
        labels=np.where(np.concatenate([train.present, test.present]), PRESENT, ABSENT).astype(np.int8),
        images=ArrayImages(np.concatenate([train.pixels, test.pixels])),
        flip="none",
    )


@REGISTRY.register("voc2007")
def _voc2007(root: Path) -> OfficialMarks:
    """Pascal VOC 2007: 5,011 (trainval) / 4,952 photographs with 20 classes; difficult objects count as present."""
    list_file = "ImageSets/Main/aeroplane_trainval.txt"
    return voc2007.read_lists(_folder("voc2007", root, list_file, "VOCdevkit/VOC2007/", "VOC2007/", ""))


@REGISTRY.register("coco2014")
def _coco2014(root: Path) -> OfficialMarks:
    """MS-COCO 2014: 82,783 / 40,504 (val) photographs with 80 classes."""
    list_file = "annotations/instances_train2014.json"
    return coco2014.read_annotations(_folder("coco2014", root, list_file, "coco2014/", "coco/", ""))


@REGISTRY.register("visual-genome")
def _visual_genome(root: Path) -> OfficialMarks:
    """Visual Genome with the classes of ``categories.txt`` and the test images of ``test.txt``, both yours."""
    folder = _folder("visual-genome", root, "objects.json", "visual-genome/", "")
    hint = " (a class per line; the list of VG-200 is not public, so it is yours to give)"
    categories = need("visual-genome", folder, ["categories.txt"], hint=hint)
    return visual_genome.read_objects(folder / "objects.json", categories, first(folder, ["test.txt"]))


@REGISTRY.register("openimages")
def _openimages(root: Path) -> OfficialMarks:
    """Open Images V3: those of its images that are there, with 5,000 classes, verified and machine-generated labels."""
    inside = root / "openimages"
    return openimages.read_labels(inside if inside.is_dir() else root)


KNOWN_MARKS_NAMES = REGISTRY.names


def _folder(name: str, root: Path, file: str, *folders: str) -> Path:
    """The first of the folders that holds the file."""
    found = need(name, root, [folder + file for folder in folders])
    return found.parents[file.count("/")]
