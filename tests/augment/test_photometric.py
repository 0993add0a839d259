"""Each photometric operation against Pillow's, to the last bit."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps
from sklearn.datasets import load_sample_images

from fewlabels.augment import photometric
from fewlabels.augment.operation import Operation

from .pictures import SIZES, from_pil, pictures, to_pil

Oracle = Callable[[Image.Image, float], Image.Image]

CASES: dict[str, tuple[Operation, Oracle, tuple[float, ...]]] = {
    "unchanged": (photometric.unchanged, lambda image, m: image, (0.0,)),
    "auto_contrast": (photometric.auto_contrast, lambda image, m: ImageOps.autocontrast(image), (0.0,)),
    "equalize": (photometric.equalize, lambda image, m: ImageOps.equalize(image), (0.0,)),
    "posterize": (photometric.posterize, lambda image, m: ImageOps.posterize(image, int(m)), (1, 4, 5.9, 7, 8)),
    "solarize": (photometric.solarize, lambda image, m: ImageOps.solarize(image, m), (0, 0.5, 77, 127.3, 255, 256)),
    "brightness": (photometric.brightness, lambda i, m: ImageEnhance.Brightness(i).enhance(m), (0, 0.05, 0.7, 1, 1.7)),
    "color": (photometric.color, lambda image, m: ImageEnhance.Color(image).enhance(m), (0, 0.05, 0.7, 1, 1.7)),
    "contrast": (
        photometric.contrast,
        lambda image, m: ImageEnhance.Contrast(image).enhance(m),
        (0, 0.05, 0.7, 1, 1.7),
    ),
    "sharpness": (photometric.sharpness, lambda i, m: ImageEnhance.Sharpness(i).enhance(m), (0, 0.05, 0.7, 1, 1.7)),
}


def assert_equals_pillow(operation: Operation, oracle: Oracle, images: torch.Tensor, magnitude: float) -> None:
    result = operation(images, torch.full((len(images),), magnitude))
    assert result.dtype == torch.uint8
    expected = torch.stack([from_pil(oracle(to_pil(image), float(torch.tensor(magnitude)))) for image in images])
    torch.testing.assert_close(result, expected, rtol=0, atol=0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", CASES)
def test_an_operation_equals_pillows(name: str, size: int, channels: int) -> None:
    operation, oracle, magnitudes = CASES[name]
    for magnitude in magnitudes:
        assert_equals_pillow(operation, oracle, pictures(size, channels), magnitude)


@pytest.mark.parametrize("name", CASES)
def test_images_need_not_be_square(name: str) -> None:
    operation, oracle, magnitudes = CASES[name]
    assert_equals_pillow(operation, oracle, pictures(9, 3, width=31), magnitudes[-1])


@pytest.mark.parametrize("name", CASES)
def test_an_operation_equals_pillows_on_a_photograph(name: str) -> None:
    photograph = from_pil(Image.fromarray(load_sample_images().images[0]).resize((96, 64)))[None]
    operation, oracle, magnitudes = CASES[name]
    for magnitude in magnitudes:
        assert_equals_pillow(operation, oracle, photograph, magnitude)


@settings(max_examples=40, deadline=None)
@given(low=st.integers(0, 254), span=st.integers(1, 255), seed=st.integers(0, 2**31))
def test_auto_contrast_and_equalize_equal_pillows_for_any_range_of_levels(low: int, span: int, seed: int) -> None:
    high = min(low + span, 255)
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(low, high + 1, (1, 1, 16, 17), dtype=torch.uint8, generator=random)
    images[0, 0, 0, :2] = torch.tensor([low, high])
    for name in ("auto_contrast", "equalize"):
        assert_equals_pillow(*CASES[name][:2], images, 0.0)


@pytest.mark.parametrize("name", ["brightness", "color", "contrast", "sharpness", "posterize", "solarize"])
def test_every_image_has_its_own_magnitude(name: str) -> None:
    operation, oracle, magnitudes = CASES[name]
    image = pictures(28, 3)[0]
    batch = operation(image.repeat(len(magnitudes), 1, 1, 1), torch.tensor(magnitudes, dtype=torch.float32))
    for row, magnitude in zip(batch, magnitudes, strict=True):
        expected = from_pil(oracle(to_pil(image), float(torch.tensor(magnitude))))
        torch.testing.assert_close(row, expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", CASES)
def test_the_input_is_not_changed(name: str) -> None:
    images = pictures(28, 3)
    before = images.clone()
    CASES[name][0](images, torch.full((len(images),), CASES[name][2][-1]))
    assert torch.equal(images, before)
