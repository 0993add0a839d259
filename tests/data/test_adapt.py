"""Domain adaptation: labels from one data set, unlabelled and test images from another."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from fewlabels.data.adapt import adapt, read_adapted
from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, VAL, ArrayImages, Dataset, FileImages, Flip
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read
from fewlabels.data.split import draw_split
from fewlabels.errors import UserError

RNG = np.random.default_rng(0)


def made(
    name: str,
    labels: list[int],
    splits: list[int],
    classes: tuple[str, ...] = ("a", "b"),
    size: int = 8,
    channels: int = 1,
    flip: Flip = "none",
) -> Dataset:
    """Return a data set of noise with these labels."""
    n = len(labels)
    pixels = RNG.integers(0, 256, (n, size, size, channels), dtype=np.uint8)
    paths = tuple(f"train/{row:06d}" for row in range(n))
    return Dataset(
        name, classes, paths, np.array(splits, np.int8), np.array(labels), ArrayImages(pixels), flip, (f"{name}!",)
    )


def pixels(dataset: Dataset) -> np.ndarray:
    assert isinstance(dataset.images, ArrayImages)
    return dataset.images.pixels


TARGET = made("photos", [0, 1, 0, 1, 1, 0], [TRAIN, TRAIN, TRAIN, TRAIN, TEST, TEST])
SOURCE = made("drawings", [0, 1, 1, 0, 0, UNLABELLED], [TRAIN, TRAIN, TRAIN, TRAIN, TEST, TRAIN])


def test_target_images_come_first_and_labelled_source_images_follow() -> None:
    both = adapt(TARGET, SOURCE)
    assert both.name == "drawings-to-photos"
    assert both.paths[:6] == TARGET.paths
    assert both.paths[6:] == tuple(f"drawings/train/00000{row}" for row in range(4))
    assert both.labels.tolist() == [0, 1, 0, 1, 1, 0, 0, 1, 1, 0]
    assert both.labelable is not None
    assert np.flatnonzero(both.labelable).tolist() == [6, 7, 8, 9]
    np.testing.assert_array_equal(pixels(both), np.concatenate([pixels(TARGET), pixels(SOURCE)[:4]]))


def test_notes_say_what_was_done() -> None:
    assert adapt(TARGET, SOURCE).notes == (
        "photos!",
        "drawings: drawings!",
        "4 labelled images come from drawings",
    )
    small = made("small", [0, 1], [TRAIN, TRAIN], size=4)
    assert adapt(TARGET, small).notes[-1] == "2 labelled images come from small, resized from 4 to 8 px"


@pytest.mark.parametrize("pool", ["all", "unlabelled"])
def test_labels_are_drawn_from_the_source_and_the_pool_is_the_target(pool: str) -> None:
    split = draw_split(adapt(TARGET, SOURCE), seed=0, pool=pool)
    assert split.labelled.tolist() == [6, 7, 8, 9]
    assert split.pool.tolist() == split.unlabelled.tolist() == [0, 1, 2, 3]
    assert split.test.tolist() == [4, 5]
    assert not len(split.val)


def test_a_label_fraction_and_a_validation_part_are_taken_from_the_source() -> None:
    both = adapt(TARGET, made("source", [0, 1] * 10, [TRAIN] * 20))
    split = draw_split(both, seed=0, label_fraction=0.8, val_fraction=0.25)
    assert np.bincount(both.labels[split.labelled]).tolist() == [6, 6]
    assert np.bincount(both.labels[split.val]).tolist() == [2, 2]
    assert min(*split.labelled, *split.val) >= 6
    assert split.pool.tolist() == [0, 1, 2, 3]
    with pytest.raises(UserError, match="more than the 20 labels"):
        draw_split(both, seed=0, num_labels=21)


def test_validation_images_of_the_source_are_kept_and_those_of_the_target_are_not() -> None:
    target = replace(TARGET, splits=np.array([TRAIN, TRAIN, VAL, VAL, TEST, TEST], np.int8))
    both = adapt(target, replace(SOURCE, splits=np.array([TRAIN, TRAIN, TRAIN, VAL, TEST, TRAIN], np.int8)))
    split = draw_split(both, seed=0)
    assert [both.paths[row] for row in split.val] == ["drawings/train/000003"]
    assert "train/000002" not in both.paths
    assert both.notes[-1] == "2 validation images of photos are not used: labels come from drawings alone"


@pytest.mark.parametrize(("before", "after"), [(6, 10), (12, 5)])
def test_source_images_are_resized_bicubically_to_the_target_size(before: int, after: int) -> None:
    source = made("source", [0, 1, 0], [TRAIN] * 3, size=before, channels=3)
    source = replace(source, images=ArrayImages(pixels(source) // 2 + 64))  # so that nothing is clipped on the way
    both = adapt(made("target", [0, 1], [TRAIN, TEST], size=after, channels=3), source)
    planes = torch.from_numpy(pixels(source)).permute(0, 3, 1, 2).double()
    expected = interpolate(planes, (after, after), mode="bicubic", antialias=True).permute(0, 2, 3, 1)
    np.testing.assert_allclose(pixels(both)[2:], expected.numpy(), atol=1.01)  # Pillow rounds twice


@pytest.mark.parametrize(("target", "source"), [(1, 3), (3, 1)])
def test_grey_becomes_rgb_where_one_has_colour(target: int, source: int) -> None:
    one, two = (made("t", [0, 1], [TRAIN, TEST], channels=target), made("s", [0, 1], [TRAIN] * 2, channels=source))
    both = pixels(adapt(one, two))
    assert both.shape == (4, 8, 8, 3)
    for kept, first in ((one, 0), (two, 2)):
        for channel in range(3):
            own = pixels(kept)[..., min(channel, pixels(kept).shape[3] - 1)]
            np.testing.assert_array_equal(both[first : first + 2, ..., channel], own)


def test_classes_in_another_order_are_the_same_classes() -> None:
    both = adapt(TARGET, made("source", [0, 1, 1], [TRAIN] * 3, classes=("b", "a")))
    assert both.classes == ("a", "b")
    assert both.labels[6:].tolist() == [1, 0, 0]


def test_a_target_without_labels_takes_the_classes_of_the_source() -> None:
    both = adapt(made("target", [UNLABELLED] * 2, [TRAIN] * 2, classes=()), SOURCE)
    assert both.classes == ("a", "b")
    assert both.labels.tolist() == [UNLABELLED, UNLABELLED, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        (("a", "c"), "'source' has no class 'b', which 'photos' has"),
        (("a", "b", "c", "d"), "'photos' has no class 'c', which 'source' has"),
    ],
)
def test_different_classes_are_refused_with_the_first_missing_one(classes: tuple[str, ...], words: str) -> None:
    with pytest.raises(UserError, match=words):
        adapt(TARGET, made("source", [0, 1], [TRAIN] * 2, classes=classes))


def test_only_flips_that_preserve_the_label_in_both_are_kept() -> None:
    flips: list[Flip] = ["both", "horizontal"]
    target, source = (made(flip, [0, 1], [TRAIN] * 2, flip=flip) for flip in flips)
    assert adapt(target, source).flip == adapt(source, target).flip == "horizontal"
    assert adapt(target, SOURCE).flip == "none"


def test_data_without_training_images_or_labels_are_refused() -> None:
    tests = made("tests", [0, 1], [TEST] * 2)
    with pytest.raises(UserError, match="tests has no training image"):
        adapt(tests, SOURCE)
    with pytest.raises(UserError, match="tests has no labelled training image"):
        adapt(TARGET, tests)


def test_a_duplicate_image_name_is_refused() -> None:
    paths = ("drawings/train/000000", *TARGET.paths[1:])
    with pytest.raises(UserError, match="photos has a folder 'drawings'"):
        adapt(replace(TARGET, paths=paths), SOURCE)


@pytest.fixture
def domains(paint: Callable[..., Path]) -> Path:
    """Two folders of cats and dogs; the photographs are of another size, and have a test image."""
    for kind in ("cat", "dog"):
        paint(f"drawing/{kind}/1.png", mode="L")
        paint(f"photo/train/{kind}/1.png", size=(30, 20))
    return paint("photo/test/dog/1.png", size=(30, 20)).parents[3]


def test_folders_are_joined_under_the_folder_above_them(domains: Path) -> None:
    both = read_adapted(str(domains / "photo"), str(domains / "drawing"), None, Path())
    assert both.paths == (
        "test/dog/1.png", "train/cat/1.png", "train/dog/1.png", "drawing/cat/1.png", "drawing/dog/1.png",
    )  # fmt: skip
    assert isinstance(both.images, FileImages)
    assert [(both.images.root / file).is_file() for file in both.images.files] == [True] * 5
    assert both.images.sizes.tolist() == [[30, 20]] * 3 + [[12, 10]] * 2
    assert not both.images.grey


def test_a_folder_and_an_array_are_not_joined(domains: Path) -> None:
    with pytest.raises(UserError, match="photos is in memory and drawing in files"):
        adapt(replace(TARGET, classes=("cat", "dog")), read(CLASSES, str(domains / "drawing")))


@pytest.mark.parametrize("name", ["digits", "DIGITS"])
def test_labels_from_the_data_set_itself_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="names the data set itself"):
        read_adapted("digits", name, None, tmp_path)


def test_a_misspelt_source_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'usps'"):
        read_adapted("digits", "uspss", None, tmp_path)


def test_usps_to_mnist(shared_data: Path) -> None:
    both = read_adapted("mnist", "usps", None, shared_data)
    split = draw_split(both, seed=0)
    assert pixels(both).shape == (77291, 28, 28, 1)
    assert np.bincount(both.labels[split.labelled]).tolist() == [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    assert (len(split.pool), len(split.test), len(set(both.paths))) == (60000, 10000, 77291)
    assert both.notes == ("7291 labelled images come from usps, resized from 16 to 28 px",)
