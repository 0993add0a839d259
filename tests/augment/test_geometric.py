"""Geometric operations against Pillow's."""

import pytest
import torch
from PIL import Image

from fewlabels.augment import geometric
from fewlabels.augment.operation import Operation

from .pictures import SIZES, from_pil, pictures, to_pil

AFFINE = Image.Transform.AFFINE


def moved(image: Image.Image, name: str, m: float) -> Image.Image:
    """Apply Pillow's operation."""
    width, height = image.size
    coefficients = {
        "shear_x": (1, m, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, m, 1, 0),
        "translate_x": (1, 0, m * width, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, m * height),
    }
    return image.rotate(m) if name == "rotate" else image.transform(image.size, AFFINE, coefficients[name])


OPERATIONS: dict[str, tuple[Operation, tuple[float, ...]]] = {
    "rotate": (geometric.rotate, (0, 3, -17.3, 30, 45, 90, 180, 270, -360)),
    "shear_x": (geometric.shear_x, (0, 0.03, -0.17, 0.3)),
    "shear_y": (geometric.shear_y, (0, 0.03, -0.17, 0.3)),
    "translate_x": (geometric.translate_x, (0, 0.03, -0.17, 0.3, 1.5)),
    "translate_y": (geometric.translate_y, (0, 0.03, -0.17, 0.3, 1.5)),
}


def assert_equals_pillow(name: str, images: torch.Tensor) -> None:
    operation, magnitudes = OPERATIONS[name]
    for magnitude in torch.tensor(magnitudes, dtype=torch.float32):
        result = operation(images, magnitude.repeat(len(images)))
        expected = torch.stack([from_pil(moved(to_pil(image), name, float(magnitude))) for image in images])
        differing = (result != expected).any(1).float().mean()
        assert differing <= 0.005, f"{differing:.2%} of the pixels differ at {magnitude}"


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_equals_pillows(name: str, size: int, channels: int) -> None:
    assert_equals_pillow(name, pictures(size, channels)[:4])


@pytest.mark.parametrize("name", OPERATIONS)
def test_images_need_not_be_square(name: str) -> None:
    assert_equals_pillow(name, pictures(19, 3, width=40)[:4])
    assert_equals_pillow(name, pictures(40, 1, width=19)[:4])


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_image_has_its_own_magnitude(name: str) -> None:
    operation, magnitudes = OPERATIONS[name]
    image = pictures(28, 3)[:1]
    batch = operation(image.repeat(len(magnitudes), 1, 1, 1), torch.tensor(magnitudes, dtype=torch.float32))
    alone = [operation(image, torch.tensor([magnitude], dtype=torch.float32)) for magnitude in magnitudes]
    assert torch.equal(batch, torch.cat(alone))


def test_pixels_outside_the_image_are_black() -> None:
    white = torch.full((1, 3, 8, 8), 255, dtype=torch.uint8)
    left = geometric.translate_x(white, torch.tensor([0.25]))
    assert torch.equal(left[0, :, :, 6:], torch.zeros(3, 8, 2, dtype=torch.uint8))
    assert torch.equal(left[0, :, :, :6], white[0, :, :, :6])


@pytest.mark.parametrize("operation", [geometric.translate_x_whole, geometric.translate_y_whole])
def test_whole_translations_are_those_of_integer_arithmetic_at_every_size_and_level(operation: Operation) -> None:
    magnitudes = torch.tensor([0.3 * level / 10 for level in range(-9, 10)], dtype=torch.float32)
    for size in range(8, 449):
        matrix = operation.prepare(torch.empty(19, 1, size, size), magnitudes)
        distance = matrix[:, 2] + matrix[:, 5]
        exact = [abs(3 * level) * size // 100 * (-1 if level < 0 else 1) for level in range(-9, 10)]
        assert distance.tolist() == exact, size
