"""LCHP's box-aware strong view."""

import pytest
import torch
from torch import Tensor

from fewlabels.augment.box_aware import (
    AxisTransform,
    crop_or_pad,
    draw_transform,
    flipping,
    is_box,
    scaling,
    transform_boxes,
    transform_images,
)
from fewlabels.randomness import Draws

DRAWS = Draws(5, torch.arange(4000))
BOX = torch.tensor([[0.1, 0.2, 0.6, 0.7]], dtype=torch.float64)


def pair(x: float, y: float) -> Tensor:
    return torch.tensor([[x, y]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("transform", "expected"),
    [
        (flipping(torch.tensor([[True, False]])), (0.4, 0.2, 0.9, 0.7)),
        (flipping(torch.tensor([[False, True]])), (0.1, 0.3, 0.6, 0.8)),
        (scaling(pair(1.2, 0.8)), (0.02, 0.26, 0.62, 0.66)),
        (crop_or_pad(before=pair(-0.1, 0.2), after=pair(-0.15, -0.05)), (0, 0.3478261, 0.6666667, 0.7826087)),
    ],
)
def test_each_part_transforms_the_box_of_the_worked_example(
    transform: AxisTransform, expected: tuple[float, ...]
) -> None:
    # docs/papers/lchp.md, L-4
    moved = transform_boxes(BOX, transform)
    assert moved.dtype == torch.float64
    torch.testing.assert_close(moved, torch.tensor([expected], dtype=torch.float64), rtol=0, atol=5e-8)


def test_a_composed_transform_equals_both_transforms_in_sequence() -> None:
    first, second = crop_or_pad(pair(0.1, -0.1), pair(0.1, 0.05)), flipping(torch.tensor([[True, False]]))
    torch.testing.assert_close(
        transform_boxes(transform_boxes(BOX, first), second), transform_boxes(BOX, first.then(second))
    )


def test_a_rectangle_in_an_image_is_inside_its_transformed_box() -> None:
    side, count = 64, 1000
    random = torch.Generator().manual_seed(0)
    low = torch.randint(0, 44, (count, 2), generator=random)
    corners = torch.cat([low, low + torch.randint(10, 21, (count, 2), generator=random)], dim=1)
    pixel = torch.arange(side)
    inside = (pixel >= corners[:, :2, None]) & (pixel < corners[:, 2:, None])
    images = (inside[:, 1, :, None] & inside[:, 0, None, :])[:, None].float()
    transform = draw_transform(Draws(3, torch.arange(count)))
    boxes = side * transform_boxes(corners.float() / side, transform)
    seen = transform_images(images, transform)[:, 0] > 0.5
    checked = 0
    for box, pixels in zip(boxes, seen, strict=True):
        rows, columns = pixels.any(1).nonzero(), pixels.any(0).nonzero()
        if min(box[2:] - box[:2]) < 1:  # almost outside
            continue
        found = torch.stack([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1])
        assert (found - box).abs().max() < 1
        checked += 1
    assert checked > 950


def test_images_and_boxes_need_not_be_square() -> None:
    image = torch.zeros(1, 1, 20, 40)
    image[:, :, 5:10, 4:8] = 1
    moved = transform_images(image, flipping(torch.tensor([[True, True]])))
    torch.testing.assert_close(moved, image.flip(2, 3))


def test_a_transform_without_parts_is_the_identity() -> None:
    images = torch.rand(3, 2, 9, 13, generator=torch.Generator().manual_seed(0))
    identity = draw_transform(Draws(1, torch.arange(3)), scale=False, translate=False, flip=False)
    torch.testing.assert_close(transform_images(images, identity), images)


def test_pixels_outside_the_image_are_zero() -> None:
    padded = transform_images(
        torch.ones(1, 3, 30, 30), crop_or_pad(torch.tensor([[0.25, 0.0]]), torch.tensor([[0.25, 0.0]]))
    )
    assert padded[:, :, :, :4].abs().max() == 0
    assert padded[:, :, :, -4:].abs().max() == 0
    assert padded[:, :, 15, 6:24].min() == 1


def test_scale_factors_are_from_80_to_120_percent_and_independent_per_axis() -> None:
    factors = draw_transform(DRAWS, translate=False, flip=False).factors
    assert 0.8 <= factors.min() < 0.81
    assert 1.19 < factors.max() <= 1.2
    assert abs(factors.mean() - 1) < 0.01
    assert abs(torch.corrcoef(factors.T)[0, 1]) < 0.1


def test_half_of_the_images_are_cropped_or_padded_by_up_to_a_quarter_at_each_side() -> None:
    transform = draw_transform(DRAWS, scale=False, flip=False)
    still = (transform.factors == 1).all(1) & (transform.shifts == 0).all(1)
    assert 0.46 < still.float().mean() < 0.54
    factors, shifts = (part[~still] for part in transform)
    before = shifts / factors
    after = 1 / factors - 1 - before
    for fractions in (before, after):
        assert -0.2501 < fractions.min() < -0.24
        assert 0.24 < fractions.max() < 0.2501
        assert abs(fractions.mean()) < 0.02
    correlations = torch.corrcoef(torch.cat([before, after], dim=1).T) - torch.eye(4)
    assert correlations.abs().max() < 0.1


def test_each_of_the_four_combinations_of_flips_has_a_quarter_of_the_images() -> None:
    flipped = draw_transform(DRAWS, scale=False, translate=False).factors < 0
    ways = torch.bincount(flipped[:, 0].long() + 2 * flipped[:, 1].long(), minlength=4) / len(flipped)
    assert (ways - 0.25).abs().max() < 0.03


def test_flips_are_applied_last_and_no_part_changes_the_draws_of_another() -> None:
    parts = (draw_transform(DRAWS, *(number == only for number in range(3))) for only in range(3))
    scale, translate, flip = parts
    together = draw_transform(DRAWS)
    torch.testing.assert_close(together, scale.then(translate).then(flip))


def test_a_transform_depends_on_the_slot_only() -> None:
    rows = torch.tensor([7, 3, 3999])
    for whole, part in zip(draw_transform(DRAWS), draw_transform(DRAWS.take(rows)), strict=True):
        assert torch.equal(whole[rows], part)


def test_a_box_that_leaves_the_image_is_clipped_and_has_no_area() -> None:
    cropped = crop_or_pad(pair(-0.2, 0), pair(0, 0))
    boxes = torch.tensor([[0.0, 0.1, 0.15, 0.9], [0.1, 0.1, 0.6, 0.9]], dtype=torch.float64)
    moved = transform_boxes(boxes, cropped)
    torch.testing.assert_close(moved[1], torch.tensor([0, 0.1, 0.5, 0.9], dtype=torch.float64))
    assert is_box(moved).tolist() == [False, True]


def test_a_box_with_corners_in_the_wrong_order_stays_so_when_it_is_flipped() -> None:
    inside_out = torch.tensor([[0.6, 0.2, 0.1, 0.7]])
    moved = transform_boxes(inside_out, flipping(torch.tensor([[True, True]])))
    torch.testing.assert_close(moved, torch.tensor([[0.9, 0.3, 0.4, 0.8]]))
    assert not is_box(moved)


def test_every_transformed_box_is_in_order_and_inside_the_image() -> None:
    moved = transform_boxes(BOX.float().repeat(4000, 1), draw_transform(DRAWS))
    assert is_box(moved).all()
    assert moved.min() >= 0
    assert moved.max() <= 1
