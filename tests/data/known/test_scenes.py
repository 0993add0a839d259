"""Digit scenes: their digits and boxes, and that the splits share nothing."""

from types import SimpleNamespace
from typing import Literal

import numpy as np
import pytest
import torch
from torchvision.ops import box_iou

from fewlabels.data.dataset import TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known.scenes import Scenes, draw_scenes
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read

SPLITS: tuple[Literal["train", "test"], ...] = ("train", "test")
BACKGROUND_ONLY = (0, 0)


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    return draw_scenes(200, 3, "train", (1, 3))


@pytest.fixture(scope="module")
def changed(scenes: Scenes) -> np.ndarray:
    """Return which pixels the digits changed, (N, S, S) bool."""
    return (scenes.pixels != draw_scenes(200, 3, "train", BACKGROUND_ONLY).pixels).any(3)


def test_a_scene_has_its_shapes_and_types(scenes: Scenes) -> None:
    assert (scenes.pixels.shape, scenes.pixels.dtype) == ((200, 64, 64, 3), np.uint8)
    assert (scenes.present.shape, scenes.present.dtype) == ((200, 10), bool)
    assert len(scenes.boxes) == 200


def test_the_digits_that_are_present_are_those_with_a_box_and_all_differ(scenes: Scenes) -> None:
    for present, boxes in zip(scenes.present, scenes.boxes, strict=True):
        assert sorted(box[0] for box in boxes) == np.flatnonzero(present).tolist()
    assert set(scenes.present.sum(1)) == {1, 2, 3}


def test_nothing_is_painted_outside_the_boxes(scenes: Scenes, changed: np.ndarray) -> None:
    for own, boxes in zip(changed.copy(), scenes.boxes, strict=True):
        for _, x0, y0, x1, y1 in boxes:
            own[int(y0) : int(y1), int(x0) : int(x1)] = False
        assert not own.any()


@pytest.mark.parametrize("size", [16, 64, 160])
def test_a_box_is_inside_the_scene_and_tight_to_a_pixel(size: int) -> None:
    one = draw_scenes(60, 5, "test", size=size)
    changed = (one.pixels != draw_scenes(60, 5, "test", BACKGROUND_ONLY, size).pixels).any(3)
    for own, ((_, *box),) in zip(changed, one.boxes, strict=True):
        rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
        painted = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
        assert 0 <= box[0] < box[2] <= size
        assert 0 <= box[1] < box[3] <= size
        np.testing.assert_allclose(painted, box, atol=1)


def test_a_digit_differs_clearly_from_its_background() -> None:
    one, background = (
        draw_scenes(200, 3, "train", digits).pixels.astype(float) for digits in ((1, 1), BACKGROUND_ONLY)
    )
    difference = np.abs((one - background) @ [0.299, 0.587, 0.114])
    inked = difference > 0
    strong = (difference > 25).sum((1, 2)) / inked.sum((1, 2))
    assert np.quantile(strong, 0.1) > 0.6


def test_no_two_boxes_of_a_scene_overlap_by_a_tenth() -> None:
    for boxes in draw_scenes(100, 1, "train", (4, 4)).boxes:
        corners = torch.tensor([box[1:] for box in boxes])
        assert (box_iou(corners, corners) - torch.eye(4)).max() < 0.1


def test_the_same_seed_gives_the_same_bytes_and_another_does_not() -> None:
    first, second, other = (draw_scenes(20, seed, "train", (1, 2)) for seed in (7, 7, 8))
    assert first.pixels.tobytes() == second.pixels.tobytes()
    assert first.boxes == second.boxes
    assert (first.pixels != other.pixels).any((1, 2, 3)).all()


def test_a_scene_does_not_depend_on_how_many_are_drawn(scenes: Scenes) -> None:
    few = draw_scenes(13, 3, "train", (1, 3))
    np.testing.assert_array_equal(few.pixels, scenes.pixels[:13])
    assert few.boxes == scenes.boxes[:13]


@pytest.mark.parametrize("split", SPLITS)
def test_the_splits_share_no_digit(split: Literal["train", "test"], monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars instead of digits: every fourth is horizontal, the others are vertical."""
    horizontal, vertical = np.zeros((8, 8)), np.zeros((8, 8))
    horizontal[3:5], vertical[:, 3:5] = 16, 16
    images = np.stack([horizontal if row % 4 == 3 else vertical for row in range(400)]).reshape(-1, 64)
    labels = np.arange(400) // 4 % 10
    monkeypatch.setattr("sklearn.datasets.load_digits", lambda return_X_y: (images, labels))
    wide = [x1 - x0 > y1 - y0 for boxes in draw_scenes(50, 1, split, (1, 3)).boxes for _, x0, y0, x1, y1 in boxes]
    assert set(wide) == {split == "test"}


@pytest.mark.parametrize("split", SPLITS)
def test_the_splits_share_no_pixel_of_a_photograph(
    split: Literal["train", "test"], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photographs that are red in the training part and blue in the other."""
    photograph = np.zeros((427, 640, 3), np.uint8)
    photograph[:, :384, 0], photograph[:, 384:, 2] = 255, 255
    monkeypatch.setattr("sklearn.datasets.load_sample_images", lambda: SimpleNamespace(images=[photograph, photograph]))
    pixels = draw_scenes(300, 1, split, BACKGROUND_ONLY).pixels
    assert (pixels == ([0, 0, 255] if split == "test" else [255, 0, 0])).all()


@pytest.mark.parametrize(("digits", "tolerance"), [((1, 1), 0), ((3, 3), 0), ((1, 4), 0.08)])
def test_the_classes_are_balanced(digits: tuple[int, int], tolerance: float) -> None:
    counts = draw_scenes(1500, 2, "train", digits, size=16).present.sum(0)
    np.testing.assert_allclose(counts, counts.mean(), rtol=tolerance)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return read(CLASSES, "digit-scenes")


def test_the_known_data_set_has_one_digit_per_image_and_must_not_be_mirrored(dataset: Dataset) -> None:
    assert isinstance(dataset.images, ArrayImages)
    assert dataset.images.pixels.shape == (2000, 64, 64, 3)
    assert (len(dataset.rows(TRAIN)), len(dataset.rows(TEST))) == (1500, 500)
    assert (len(dataset.classes), dataset.flip) == (10, "none")
    for split, count in ((TRAIN, 150), (TEST, 50)):
        assert np.bincount(dataset.labels[dataset.rows(split)]).tolist() == [count] * 10


def test_the_known_data_sets_labels_are_the_digits_of_its_scenes(dataset: Dataset) -> None:
    """A 0 is empty in the middle and a 1 is not, and so are the mean images of what they change."""
    assert isinstance(dataset.images, ArrayImages)
    drawn = draw_scenes(1500, 0, "train")
    ink = np.zeros((10, 2))
    background = draw_scenes(1500, 0, "train", BACKGROUND_ONLY).pixels.astype(int)
    for row, ((_, *box),) in enumerate(drawn.boxes):
        x0, y0, x1, y1 = map(int, box)
        change = np.abs(dataset.images.pixels[row].astype(int) - background[row]).max(2)[y0:y1, x0:x1]
        height, width = change.shape
        middle = change[height * 2 // 5 : height * 3 // 5, width * 2 // 5 : width * 3 // 5]
        ink[dataset.labels[row]] += [middle.mean(), change.mean()]
    emptiness = ink[:, 0] / ink[:, 1]
    assert emptiness.argmin() == 0
    assert emptiness[1] > 1
