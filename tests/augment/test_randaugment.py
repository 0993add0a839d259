"""The two RandAugment policies: drawn operations, frequencies and magnitudes."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fewlabels.augment.operation import Operation
from fewlabels.augment.operation import replace as kernel
from fewlabels.augment.randaugment import FIXMATCH, USB, Choice, Policy
from fewlabels.randomness import Draws

from .pictures import pictures

DRAWS = Draws(5, torch.arange(7000))
NAMES = (
    *("auto_contrast", "brightness", "contrast", "equalize", "posterize", "solarize"),
    *("color", "unchanged", "sharpness", "rotate", "shear_x", "shear_y", "translate_x", "translate_y"),
)
POLICIES = {"usb": USB, "fixmatch": FIXMATCH}


def magnitudes_of(policy: Policy, name: str) -> Tensor:
    chosen, magnitudes = policy.draw(DRAWS)
    return magnitudes[chosen == NAMES.index(name)]


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_operations_are_the_fourteen_of_the_paper(policy: Policy) -> None:
    for name, choice in zip(NAMES, policy.choices, strict=True):
        assert choice.operation.prepare.__name__.removeprefix("_").removesuffix("_whole") == name


def test_usb_draws_every_operation_equally_often_in_every_position() -> None:
    chosen, _ = USB.draw(DRAWS)
    assert chosen.shape == (7000, 3)
    for position in range(3):
        counts = torch.bincount(chosen[:, position], minlength=15)
        # 500 expected each; five standard deviations of a binomial are 108
        assert (counts[:14] - 500).abs().max() < 108
        assert counts[14] == 0


def test_fixmatch_applies_half_of_the_two_drawn_operations() -> None:
    chosen, _ = FIXMATCH.draw(DRAWS)
    assert chosen.shape == (7000, 2)
    counts = torch.bincount(chosen.flatten(), minlength=15)
    assert abs(counts[14] - 7000) < 300
    assert (counts[:14] - 500).abs().max() < 108


def test_the_operations_of_one_image_are_independent() -> None:
    chosen, _ = USB.draw(DRAWS)
    pairs = torch.bincount(chosen[:, 0] * 14 + chosen[:, 1], minlength=196).double()
    # chi squared with 195 degrees of freedom has mean 195 and deviation 20
    assert ((pairs - 7000 / 196) ** 2 / (7000 / 196)).sum() < 295


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        *((name, 0.05, 0.95) for name in ("brightness", "color", "contrast", "sharpness")),
        *((name, -0.3, 0.3) for name in ("shear_x", "shear_y", "translate_x", "translate_y")),
        *(("rotate", -30, 30), ("solarize", 0, 256), ("posterize", 4, 8)),
    ],
)
def test_usb_magnitudes_are_uniform_in_their_range(name: str, low: float, high: float) -> None:
    relative = (magnitudes_of(USB, name) - low) / (high - low)
    assert relative.min() >= 0
    assert relative.max() <= 1
    assert (torch.histc(relative, 4, 0, 1) / len(relative) - 0.25).abs().max() < 0.06


@pytest.mark.parametrize("name", ["brightness", "color", "contrast", "sharpness"])
def test_fixmatch_enhancements_have_nine_levels(name: str) -> None:
    expected = torch.tensor([0.14, 0.23, 0.32, 0.41, 0.50, 0.59, 0.68, 0.77, 0.86])
    torch.testing.assert_close(magnitudes_of(FIXMATCH, name).unique(), expected)


@pytest.mark.parametrize(("name", "step"), [("rotate", 3), ("shear_x", 0.03), ("shear_y", 0.03), ("translate_x", 0.03)])
def test_fixmatch_affine_operations_have_nine_levels_of_either_sign(name: str, step: float) -> None:
    magnitudes = magnitudes_of(FIXMATCH, name)
    levels = torch.tensor([level for level in range(-9, 10) if level], dtype=torch.float32)
    torch.testing.assert_close(magnitudes.unique(), levels * step)
    assert abs((magnitudes > 0).double().mean() - 0.5) < 0.1


def test_fixmatch_posterizes_to_4_to_7_bits() -> None:
    # int(4 * level / 10) + 4 for the levels 1 to 9
    bits = magnitudes_of(FIXMATCH, "posterize").long()
    counts = torch.bincount(bits, minlength=9) / len(bits)
    torch.testing.assert_close(counts[4:], torch.tensor([2, 2, 3, 2, 0]) / 9, atol=0.08, rtol=0)


def test_fixmatch_solarizes_above_whole_thresholds() -> None:
    # 256 - int(25.6 * level) for the levels 9 to 1; a level below the next integer is not inverted
    thresholds = magnitudes_of(FIXMATCH, "solarize").unique().ceil().int().tolist()
    assert thresholds == [26, 52, 77, 103, 128, 154, 180, 205, 231]


def test_operations_are_applied_to_their_image_in_the_drawn_order() -> None:
    def append(digit: int) -> Operation:
        return Operation(lambda images, magnitude: images * 3 + digit, kernel)

    policy = replace(USB, choices=tuple(Choice(append(digit)) for digit in range(3)), cutout=(-1.0, -1.0))
    draws = Draws(2, torch.arange(60))
    chosen, _ = policy.draw(draws.fork("operations"))
    result = policy(torch.zeros(60, 1, 8, 8, dtype=torch.uint8), draws)
    assert torch.equal(result[:, 0, 0, 0].long(), chosen @ torch.tensor([9, 3, 1]))


@pytest.mark.parametrize(("policy", "low", "high"), [(USB, 0.0, 0.5), (FIXMATCH, 0.5, 0.5)])
def test_the_square_has_the_side_of_the_policy(policy: Policy, low: float, high: float) -> None:
    white = torch.full((500, 3, 64, 64), 255, dtype=torch.uint8)
    painted = replace(policy, probability=0.0)(white, Draws(1, torch.arange(500))) != 255
    sides = painted[:, 0].any(1).sum(1)
    assert 64 * high - 2 <= sides.max() <= 64 * high + 1
    assert low > 0 or sides.min() <= 2


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 33])
def test_a_policy_keeps_shape_and_type(policy: Policy, channels: int, size: int) -> None:
    images = pictures(size, channels)
    result = policy(images, Draws(1, torch.arange(len(images))))
    assert result.shape == images.shape
    assert result.dtype == torch.uint8
    assert not torch.equal(result, images)
