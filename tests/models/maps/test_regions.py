"""From maps to boxes (docs/papers/lchp.md, L-1), Algorithm 1 of LCHP, and crops."""

from typing import Any

import pytest
import torch
from torch import Tensor

from fewlabels.models.maps.cam import enlarge
from fewlabels.models.maps.regions import (
    boxes_of,
    crop_and_resize,
    erase_boxes,
    foreground,
    has_area,
    pseudo_boxes,
    scaled,
    union,
)

A = torch.tensor([[0, 0, 0, 0], [0, 4, 2, 0.5], [0, 2, 2, 0], [0, 0, 0, 0]], dtype=torch.float64)
MASKED = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 0.2], [0, 0, 2, 1.8], [0, 0, 0.4, 1]], dtype=torch.float64)
WHOLE = [0.0, 0.0, 1.0, 1.0]


def box(one: Tensor, threshold: float, **options: Any) -> list[float]:
    """Return the box in pixels of the map, as docs/papers/lchp.md prints it."""
    side = options.get("side") or one.shape[1]
    return (boxes_of(one[None], threshold, **options)[0] * side).tolist()


@pytest.mark.parametrize(("threshold", "expected"), [(0.3, [1, 1, 3, 3]), (0.5, [1, 1, 2, 2]), (0.7, [1, 1, 2, 2])])
def test_a_box_encloses_the_values_strictly_above_the_threshold(threshold: float, expected: list[int]) -> None:
    assert box(A, threshold) == expected


def test_the_masked_map_of_the_worked_example_has_its_box() -> None:
    assert box(MASKED, 0.7) == [2, 2, 4, 3]
    assert (union(boxes_of(A[None], 0.7), boxes_of(MASKED[None], 0.7)) * 4).tolist() == [[1, 1, 4, 3]]


def test_the_scales_max_and_min_max_differ() -> None:
    assert box(A + 2, 0.6, scale="min-max") == [1, 1, 2, 2]
    assert box(A + 2, 0.6, scale="max") == [1, 1, 3, 3]


def test_maps_are_enlarged_before_they_are_scaled() -> None:
    assert box(A, 0.7, side=8) == [2, 2, 5, 5]
    assert box(A, 0.45, side=8) == [2, 2, 6, 6]
    late = enlarge(scaled(A[None], "min-max"), 8)
    assert late.max() == 0.78125
    high = torch.tensor([0.7, 0.45])[:, None, None] < late
    assert (boxes_of(high.double(), 0.5) * 8).tolist() == [[3, 3, 4, 4], [2, 2, 5, 5]]


def test_pixels_that_touch_at_a_corner_are_one_component() -> None:
    one = torch.tensor([[1, 0, 0, 0, 1], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]]).double()
    assert box(one, 0.5) == [0, 0, 5, 5]
    assert box(one, 0.5, component="largest") == [0, 0, 3, 3]


def test_of_components_of_equal_size_the_first_is_used() -> None:
    one = torch.tensor([[0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]).double()
    assert boxes_of(one[None], 0.5, component="largest").tolist() == [[0.75, 0, 1, torch.tensor(1 / 3).item()]]


@pytest.mark.parametrize("component", ["all", "largest"])
@pytest.mark.parametrize("scale", ["min-max", "max"])
@pytest.mark.parametrize("value", [0.0, -3.0])
def test_the_box_of_a_constant_map_is_the_whole_image(component: Any, scale: Any, value: float) -> None:
    maps = torch.full((2, 7, 7), value)
    assert boxes_of(maps, 0.2, component, scale).tolist() == [WHOLE, WHOLE]


def test_rounding_errors_make_no_foreground_in_a_constant_map() -> None:
    maps = torch.full((1, 7, 7), 0.1)
    assert len(enlarge(maps, 45).unique()) > 1
    assert not foreground(maps, 0.5, side=45).any()
    assert boxes_of(maps, 0.5, side=45).tolist() == [WHOLE]


def test_a_map_without_positive_values_has_no_foreground_under_scale_max() -> None:
    assert boxes_of(-1 - A[None], 0.5, scale="max").tolist() == [WHOLE]


@pytest.mark.parametrize("component", ["all", "largest"])
def test_every_map_of_a_batch_is_processed_independently(component: Any) -> None:
    maps = torch.stack([A, torch.zeros(4, 4).double(), 100 * MASKED])
    found = boxes_of(maps, 0.7, component)
    assert found.dtype == torch.float32
    assert (found * 4).tolist() == [[1, 1, 2, 2], [0, 0, 4, 4], [2, 2, 4, 3]]


def test_the_box_of_a_single_location_is_the_whole_image() -> None:
    assert boxes_of(torch.ones(1, 1, 1), 0.5, side=8).tolist() == [WHOLE]


def test_half_precision_maps_are_scaled_in_single_precision() -> None:
    assert scaled(A[None].bfloat16(), "min-max").dtype == torch.float32
    assert box(A.bfloat16(), 0.3) == [1, 1, 3, 3]


def test_the_box_encloses_the_foreground() -> None:
    assert foreground(A[None], 0.3)[0].nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_erasing_sets_a_rectangle_of_each_image_to_zero() -> None:
    images = torch.ones(2, 3, 4, 8)
    erased = erase_boxes(images, torch.tensor([[0.25, 0.5, 0.75, 1.0], [0, 0, 0, 0]]))
    assert erased[0].sum((1, 2)).tolist() == [24, 24, 24]
    assert not erased[0, :, 2:, 2:6].any()
    assert torch.equal(erased[1], images[1])


def features_of(images: Tensor) -> Tensor:
    """Two maps whose mean is A, or after erasing MASKED for the first image and 0 for the second."""
    after = torch.stack([MASKED, torch.zeros(4, 4).double()])
    mean = torch.where((images == 0).flatten(1).any(1)[:, None, None], after, A)
    return torch.stack([mean - 5, mean + 5], dim=1)


def test_the_pseudo_box_is_the_union_of_the_boxes_before_and_after_erasing() -> None:
    found = pseudo_boxes(features_of, torch.ones(2, 3, 4, 4), 0.7)
    assert (found.first * 4).tolist() == [[1, 1, 2, 2]] * 2
    assert (found.boxes[0] * 4).tolist() == [1, 1, 4, 3]
    gone = torch.ones(4, 4)
    gone[1, 1] = 0
    assert torch.equal(found.erased, gone.expand(2, 3, 4, 4))


def test_the_first_box_is_the_result_where_the_second_map_is_empty() -> None:
    assert (pseudo_boxes(features_of, torch.ones(2, 3, 4, 4), 0.7).boxes[1] * 4).tolist() == [1, 1, 2, 2]


def test_pseudo_boxes_come_from_maps_resized_to_the_image() -> None:
    found = pseudo_boxes(features_of, torch.ones(2, 3, 8, 8), 0.7)
    assert (found.first[0] * 8).tolist() == [2, 2, 5, 5]


def test_pseudo_boxes_carry_no_gradient() -> None:
    scale = torch.ones(1, requires_grad=True)
    found = pseudo_boxes(lambda images: features_of(images) * scale, torch.ones(2, 3, 4, 4), 0.7)
    assert not any(part.requires_grad for part in found)


def gradient(width: int = 8) -> Tensor:
    """Pixel (row, column) of the first image is column + 10 row; the second image is its negative."""
    one = torch.arange(width) + 10 * torch.arange(width)[:, None]
    return torch.stack([one, -one])[:, None].float()


def test_a_crop_of_the_whole_image_is_the_image() -> None:
    torch.testing.assert_close(crop_and_resize(gradient(), torch.tensor([WHOLE] * 2), 8), gradient())


def test_a_crop_has_the_pixels_of_its_box() -> None:
    boxes = torch.tensor([[0.25, 0.5, 0.75, 1.0], [0.0, 0.25, 0.5, 0.75]])
    crops = crop_and_resize(gradient(), boxes, 4)
    torch.testing.assert_close(crops, torch.stack([gradient()[0, :, 4:8, 2:6], gradient()[1, :, 2:6, 0:4]]))


def test_a_crop_is_resized_along_each_axis() -> None:
    """At twice the size, samples are a quarter of a pixel to both sides of a pixel's centre."""
    crop = crop_and_resize(gradient()[:1], torch.tensor([[0.25, 0.25, 0.5, 0.75]]), 4)[0, 0]
    columns, rows = torch.tensor([1.75, 2.25, 2.75, 3.25]), torch.tensor([2.0, 3, 4, 5])
    torch.testing.assert_close(crop, columns + 10 * rows[:, None])


def test_a_box_without_area_stands_for_the_whole_image() -> None:
    boxes = torch.tensor([[0.5, 0.2, 0.5, 0.9], [0.1, 0.8, 0.9, 0.3]])
    torch.testing.assert_close(crop_and_resize(gradient(), boxes, 8), gradient())
    nan = torch.full((2, 4), float("nan"))
    assert has_area(torch.cat([boxes, nan, torch.tensor([WHOLE])])).tolist() == [False] * 4 + [True]
    assert crop_and_resize(gradient(), nan, 3).isfinite().all()


def test_a_crop_repeats_the_edge_outside_the_image() -> None:
    crop = crop_and_resize(gradient()[:1], torch.tensor([[-0.5, 0.0, 0.5, 1.0]]), 8)[0, 0]
    torch.testing.assert_close(crop[3], torch.tensor([30.0, 30, 30, 30, 30, 31, 32, 33]))


def test_one_pixel_is_cropped_to_any_size() -> None:
    assert crop_and_resize(torch.full((1, 3, 1, 1), 5.0), torch.tensor([[0.2, 0.2, 0.4, 0.9]]), 4).unique() == 5
