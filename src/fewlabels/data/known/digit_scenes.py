"""The data set ``digit-scenes``: 1,500 / 500 drawn scenes of 64 x 64 in colour, without a download."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known.arrays import array_dataset
from fewlabels.data.known.class_names import DIGITS
from fewlabels.data.known.formats import Part
from fewlabels.data.labels.boxes_csv import BoxRow

if TYPE_CHECKING:
    from fewlabels.data.known.scenes import Scenes


def read_digit_scenes(root: Path) -> Dataset:
    """Draw scenes with one of scikit-learn's digits each over parts of its photographs; ``root`` is not used."""
    train, test = (Part(scenes.pixels, scenes.present.argmax(1).astype(np.int64)) for scenes in _draw((1, 1)).values())
    return array_dataset("digit-scenes", DIGITS, "none", [train], test)


def read_digit_scene_marks(root: Path) -> Dataset:
    """Draw scenes with one to four different digits, all marked present or absent; ``root`` is not used."""
    from fewlabels.data.known.scenes import MOST_DIGITS

    train, test = _draw((1, MOST_DIGITS)).values()
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


def read_digit_scene_boxes(root: Path) -> list[BoxRow]:
    """Return the box of the digit in each scene of :func:`read_digit_scenes`; ``root`` is not used."""
    drawn = _draw((1, 1))
    paths = [(f"{split}/{row:06d}", boxes) for split, scenes in drawn.items() for row, boxes in enumerate(scenes.boxes)]
    return [BoxRow(path, path, box[1:]) for path, boxes in paths for box in boxes]


def _draw(digits: tuple[int, int]) -> "dict[str, Scenes]":
    """Draw both splits with these fewest and most digits per scene."""
    from fewlabels.data.known.scenes import draw_scenes

    return {"train": draw_scenes(1500, 0, "train", digits), "test": draw_scenes(500, 0, "test", digits)}
