"""The map that boxes come from is chosen without boxes."""

import pytest
import torch

from fewlabels.auto.box_maps import BoxMap, choose_box_map


def scene(object_size: int, clutter: bool) -> torch.Tensor:
    """(1, 3, 12, 12): an object in channel 0, and on most of the border, if asked for, clutter in channel 1."""
    x = torch.zeros(1, 3, 12, 12)
    x[0, 0, 4 : 4 + object_size, 4 : 4 + object_size] = 1
    if clutter:
        x[0, 1, :2] = x[0, 1, :, :2] = x[0, 1, :, 10:] = 0.9
    return x


def test_the_border_shows_the_background_of_a_single_object() -> None:
    found = choose_box_map([scene(4, False), scene(5, False)], side=96)
    assert found.map == "border-distance"
    assert found.agreement == pytest.approx(1)
    assert found.finds_objects


def test_a_border_with_clutter_is_not_the_background() -> None:
    found = choose_box_map([scene(4, True)], side=96)
    assert found.map == "median-distance"
    assert "mean IoU of 0." in found.reason


def test_the_contrast_is_the_largest_distance_over_that_at_the_border() -> None:
    x = torch.zeros(1, 1, 4, 4)
    x[0, 0, 0] = 3  # 4 of 12 places at the border: their mean is 1, and the mean distance 4/3
    x[0, 0, 2, 2] = 9
    assert choose_box_map([x], side=32).contrast == pytest.approx(8 / (4 / 3))


def test_objects_have_to_stand_out_from_the_border() -> None:
    assert BoxMap(agreement=0.9, contrast=2.7).finds_objects
    assert not BoxMap(agreement=0.9, contrast=2.4).finds_objects
