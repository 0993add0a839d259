"""Views by name: pure functions of images and slots."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from torch import Tensor

from fewlabels.augment import views
from fewlabels.augment.views import VIEWS, Normalize, make_view
from fewlabels.errors import UserError
from fewlabels.randomness import Draws

from .pictures import pictures

RANDOM_VIEWS = sorted(set(VIEWS) - {"identity"})
NOISY_VIEWS = {"noise", "weak-noise"}


def images_of(count: int, size: int = 24, channels: int = 3) -> Tensor:
    repeats = -(-count // 7)
    return pictures(size, channels).repeat(repeats, 1, 1, 1)[:count]


@pytest.mark.parametrize("name", VIEWS)
@settings(max_examples=15, deadline=None)
@given(rows=st.lists(st.integers(0, 39), min_size=1, max_size=50), step=st.integers(0, 1000))
def test_a_row_depends_on_its_image_and_its_slot_only(name: str, rows: list[int], step: int) -> None:
    images, draws, view = images_of(40), Draws(step, torch.arange(40)), make_view(name, "both")
    index = torch.tensor(rows)
    assert torch.equal(view(images, draws)[index], view(images[index], draws.take(index)))


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (17, 40), (224, 224)])
def test_a_view_keeps_shape_and_type(name: str, channels: int, height: int, width: int) -> None:
    images = pictures(height, channels, width=width)
    result = make_view(name, "horizontal")(images, Draws(1, torch.arange(len(images))))
    assert result.shape == images.shape
    assert result.dtype == (torch.float32 if name in NOISY_VIEWS else torch.uint8)


@pytest.mark.parametrize("name", VIEWS)
def test_the_number_of_images_per_chunk_changes_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    images, draws, view = images_of(50), Draws(9, torch.arange(50)), make_view(name, "both")
    whole = view(images, draws)
    monkeypatch.setattr(views, "CPU_BYTES", 1)
    assert torch.equal(view(images, draws), whole)


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_does_not_change_its_input(name: str) -> None:
    images = images_of(40)
    before = images.clone()
    make_view(name, "both")(images, Draws(1, torch.arange(40)))
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "name", sorted(set(RANDOM_VIEWS) - {"translate"})
)  # translate has only three different views at 24 pixels
def test_the_same_image_in_other_slots_gives_other_views(name: str) -> None:
    images = images_of(1).repeat(40, 1, 1, 1)
    result = make_view(name, "horizontal")(images, Draws(1, torch.arange(40)))
    assert len(result.flatten(1).unique(dim=0)) > 20


@pytest.mark.parametrize("name", RANDOM_VIEWS)
def test_another_step_gives_other_views(name: str) -> None:
    images, view = images_of(40), make_view(name, "horizontal")
    first, second = (view(images, Draws(step, torch.arange(40))) for step in (1, 2))
    assert (first != second).flatten(1).any(1).sum() > 15


def test_identity_returns_the_images() -> None:
    images = images_of(7)
    assert torch.equal(make_view("identity", "both")(images, Draws(1, torch.arange(7))), images)


def is_mirrored(result: Tensor) -> bool:
    """Return whether any image of a gradient from dark to bright is from bright to dark."""
    return bool((result[:, 0, 16, 20] < result[:, 0, 16, 12]).any())


@pytest.mark.parametrize("name", ["weak", "random-resized-crop"])
@pytest.mark.parametrize(("flip", "expected"), [("none", False), ("horizontal", True)])
def test_a_view_flips_only_where_flips_preserve_the_label(name: str, flip: views.Flip, expected: bool) -> None:
    picture = (torch.arange(32) * 8).to(torch.uint8).expand(200, 1, 32, 32).contiguous()
    assert is_mirrored(make_view(name, flip)(picture, Draws(1, torch.arange(200)))) is expected


def test_a_strong_view_starts_from_the_weak_one_of_the_same_draws() -> None:
    images, draws = images_of(200, size=32), Draws(1, torch.arange(200))
    weak, strong = (make_view(name, "none")(images, draws) for name in ("weak", "strong-fixmatch"))
    # a quarter of the images gets no operation, and keeps at least half of its pixels
    assert ((weak == strong).float().flatten(1).mean(1) > 0.5).sum() > 40


@pytest.mark.parametrize("channels", [1, 3])
def test_noise_is_gaussian_with_its_standard_deviation_and_is_not_clipped(channels: int) -> None:
    black = torch.zeros(128, channels, 32, 33, dtype=torch.uint8)
    noise = make_view("noise", "both")(black, Draws(1, torch.arange(128))).double() / (0.15 * 255 / 4)
    count = noise.numel()
    assert abs(noise.mean()) < 4 / count**0.5
    assert abs(noise.var() - 1) < 4 * (2 / count) ** 0.5
    assert kstest(noise.flatten().numpy(), "norm").pvalue > 0.01


def test_noise_differs_from_pixel_to_pixel_from_channel_to_channel_and_from_image_to_image() -> None:
    noise = make_view("noise", "both")(torch.zeros(60, 3, 8, 8, dtype=torch.uint8), Draws(1, torch.arange(60)))
    between = torch.corrcoef(noise.flatten(1)) - torch.eye(60)
    within = torch.corrcoef(noise.flatten(1).T) - torch.eye(192)
    assert between.abs().max() < 5 / 192**0.5
    assert within.abs().max() < 5 / 60**0.5


def test_a_weak_view_with_noise_is_the_weak_view_of_the_same_draws_and_the_noise() -> None:
    images, draws = images_of(40), Draws(1, torch.arange(40))
    weak, both = (make_view(name, "both")(images, draws) for name in ("weak", "weak-noise"))
    noise = make_view("noise", "both")(torch.zeros_like(images), draws)
    torch.testing.assert_close(both, weak + noise)


@pytest.mark.parametrize(("width", "furthest"), [(8, 1), (28, 1), (32, 2), (224, 14)])
def test_translation_is_a_horizontal_shift_of_up_to_two_pixels_in_32_with_reflection(width: int, furthest: int) -> None:
    images = torch.randint(0, 256, (1, 3, 12, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    results = make_view("translate", "both")(images.repeat(300, 1, 1, 1), Draws(1, torch.arange(300)))
    padded = np.pad(images[0].numpy(), ((0, 0), (0, 0), (furthest, furthest)), "reflect")
    shifted = [padded[:, :, start : start + width].tobytes() for start in range(2 * furthest + 1)]
    assert set(shifted) == {result.numpy().tobytes() for result in results}


def test_jitter_keeps_the_colours_of_the_weak_view_within_its_ranges() -> None:
    images = torch.tensor([100, 50, 50], dtype=torch.uint8).view(3, 1, 1).expand(500, 3, 8, 8)
    red, green, blue = make_view("jitter", "none")(images, Draws(1, torch.arange(500)))[:, :, 0, 0].int().unbind(1)
    # 100 times 0.6 or 1.4, then twice 0.6 or 1.4 times as far from the image's grey; no hue changes the largest channel
    assert 46 <= red.min() < 60
    assert 140 < red.max() <= 188
    assert (red >= torch.maximum(green, blue)).all()  # a tenth of a turn is less than the sixth to another maximum
    assert (green > blue).any()
    assert (blue > green).any()


def test_jitter_starts_from_the_weak_view_of_the_same_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    images, draws = images_of(40), Draws(1, torch.arange(40))
    monkeypatch.setattr(views, "draw_factors", lambda draws: torch.tensor([1.0, 1, 1, 0]).expand(len(draws.slots), 4))
    weak, jitter = (make_view(name, "both")(images, draws) for name in ("weak", "jitter"))
    assert torch.equal(weak, jitter)


def test_an_unknown_view_is_an_error_that_names_the_nearest_one() -> None:
    with pytest.raises(UserError, match="there is no view 'stron': did you mean 'strong'"):
        make_view("stron", "none")


@pytest.mark.parametrize("convert", [Tensor.byte, Tensor.float])
def test_normalised_pixels_have_the_mean_subtracted_and_are_divided_by_the_deviation(
    convert: Callable[[Tensor], Tensor],
) -> None:
    pixels = torch.tensor([0, 51, 255]).view(3, 1, 1).expand(1, 3, 2, 2)
    result = Normalize((0.5, 0.2, 0.4), (0.25, 0.5, 0.2))(convert(pixels))
    assert result.dtype == torch.float32
    torch.testing.assert_close(result[0, :, 1, 1], torch.tensor([-2.0, 0.0, 3.0]))


def test_normalised_pixels_have_the_requested_memory_format() -> None:
    images = images_of(7)
    plain, last = (Normalize((0.5,) * 3, (0.25,) * 3, channels_last=choice)(images) for choice in (False, True))
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert plain.is_contiguous()
    assert torch.equal(plain, last)


def test_normalisation_has_no_state_dict() -> None:
    assert Normalize((0.5,), (0.25,)).state_dict() == {}
