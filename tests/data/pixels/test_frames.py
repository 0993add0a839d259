"""Boxes in the upright and in the stored image, compared with a rectangle that Pillow turns."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from fewlabels.data.dataset import ArrayImages, Dataset, FileImages
from fewlabels.data.pixels.decode import HAS_AVIF
from fewlabels.data.pixels.frames import Frames, frames
from fewlabels.data.read import read_unlabelled
from fewlabels.errors import UserError

BOX = (5, 3, 17, 8)
"""The rectangle of ink, half-open, off centre in an image that is stored 40 wide and 20 high."""


def drawn(file: Path, orientation: int) -> Path:
    pixels = np.full((20, 40, 3), 255, np.uint8)
    pixels[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 0
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(pixels).save(file, exif=exif)
    return file


def ink(image: Image.Image) -> list[int]:
    dark = np.asarray(image.convert("L")) < 128
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("form", ["png", "tif", "webp", "jpg", *(["avif"] if HAS_AVIF else [])])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_is_where_the_ink_is_in_the_upright_and_in_the_stored_image(
    tmp_path: Path, orientation: int, form: str
) -> None:
    file = drawn(tmp_path / f"picture.{form}", orientation)
    with Image.open(file) as image:
        image.load()
        stored, size = ink(image), image.size
        upright = ImageOps.exif_transpose(image)
    fractions = np.array([ink(upright)]) / [*upright.size, *upright.size]
    grid = frames(read_unlabelled(tmp_path))
    assert grid.sizes.tolist() == [list(size)]
    np.testing.assert_allclose(grid.to_stored(fractions), [stored], atol=1e-9)
    np.testing.assert_allclose(grid.to_upright(np.array([stored]), np.zeros(1, np.int64)), fractions, atol=1e-12)


def test_orientation_6_turns_the_left_edge_to_the_top() -> None:
    """Orientation 6: the stored image is turned clockwise, so its left edge becomes the top one."""
    grid = Frames(np.array([[400, 200]]), np.array([6], np.int8))
    np.testing.assert_allclose(grid.to_stored(np.array([[0, 0, 1, 0.25]])), [[0, 0, 100, 200]])
    np.testing.assert_allclose(grid.to_upright(np.array([[0, 0, 400, 50]]), np.zeros(1, np.int64)), [[0.75, 0, 1, 1]])


def test_several_boxes_may_be_in_one_image() -> None:
    grid = Frames(np.array([[10, 10], [100, 50]]), np.array([1, 3], np.int8))
    fractions = grid.to_upright(np.array([[0, 0, 10, 10], [0, 0, 50, 50], [0, 0, 5, 2]]), np.array([1, 1, 0]))
    np.testing.assert_allclose(fractions, [[0.9, 0.8, 1, 1], [0.5, 0, 1, 1], [0, 0, 0.5, 0.2]])


def test_only_the_given_rows_are_opened_and_their_order_is_kept(tmp_path: Path) -> None:
    for name, orientation in (("a", 1), ("b", 8), ("c", 3)):
        drawn(tmp_path / f"{name}.png", orientation)
    dataset = read_unlabelled(tmp_path)
    (tmp_path / "b.png").unlink()
    assert frames(dataset, np.array([2, 0])).orientations.tolist() == [3, 1]
    with pytest.raises(UserError, match=r"b\.png' passed the check but can't be read now; restore it"):
        frames(dataset)


@pytest.mark.parametrize("orientation", [0, 9, 77])
def test_an_invalid_orientation_is_ignored(tmp_path: Path, orientation: int) -> None:
    drawn(tmp_path / "a.png", orientation)
    dataset = read_unlabelled(tmp_path)
    assert isinstance(dataset.images, FileImages)
    assert dataset.images.sizes.tolist() == frames(dataset).sizes.tolist() == [[40, 20]]


def test_images_in_memory_are_upright() -> None:
    images = ArrayImages(np.zeros((3, 20, 40, 1), np.uint8))
    zeros = np.zeros(3, np.int64)
    dataset = Dataset("a", ("x",), ("0", "1", "2"), zeros.astype(np.int8), zeros, images, "none")
    box = np.array([[0.25, 0.5, 0.5, 1]] * 3)
    np.testing.assert_allclose(frames(dataset).to_stored(box), [[10, 10, 20, 20]] * 3)
