"""The images to label next: one of each region, none that a labelled image stands for."""

import numpy as np
import pytest

from fewlabels.review import next_images
from fewlabels.review.next_images import choose_next

EVERY = np.ones(1000)
NONE = np.array([], np.int64)


def clusters(sizes: list[int], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features (N, 8) around one orthogonal direction per cluster, and the cluster of each row."""
    rng = np.random.default_rng(seed)
    of = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(8)[of] + 0.05 * rng.normal(size=(len(of), 8)), of


def best_by_hand(features: np.ndarray, labelled: list[int], weight: np.ndarray) -> int:
    """The image that covers most, by the definition, image by image in float64."""
    centred = features - features.mean(0)
    unit = [row / np.sqrt((row**2).sum()) for row in centred]
    value = []
    for j in range(len(unit)):
        total = 0.0
        for i in range(len(unit)):
            covered = max([max(0.0, float(unit[i] @ unit[k])) ** 3 for k in labelled], default=0.0)
            total += weight[i] * max(0.0, max(0.0, float(unit[i] @ unit[j])) ** 3 - covered)
        value.append(-1.0 if j in labelled else total)
    return int(np.argmax(value))


@pytest.mark.parametrize("seed", range(3))
def test_each_choice_covers_the_most(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, weight = rng.normal(size=(40, 5)), rng.random(40)
    weight[[3, 4]] = 0  # as a labelled image has
    chosen = choose_next(features, np.array([3, 4]), np.setdiff1d(np.arange(40), [3, 4]), 4, weight)
    known = [3, 4]
    for row in chosen.tolist():
        assert row == best_by_hand(features, known, weight)
        known.append(row)


def test_without_labels_each_region_comes_once_before_one_comes_twice() -> None:
    features, of = clusters([40, 20, 10, 5])
    chosen = choose_next(features, NONE, np.arange(75), 8, EVERY[:75])
    assert sorted(of[chosen[:4]]) == [0, 1, 2, 3]
    assert of[chosen[0]] == 0  # the largest
    assert len(set(chosen.tolist())) == 8


def test_regions_with_a_label_come_last() -> None:
    features, of = clusters([30, 20, 10])
    labelled = np.array([0, 35])
    chosen = choose_next(features, labelled, np.setdiff1d(np.arange(60), labelled), 3, EVERY[:60])
    assert of[chosen[0]] == 2  # the smallest


def test_regions_where_the_model_is_unsure_come_first() -> None:
    features, of = clusters([20, 20, 20])
    uncertainty = np.where(of == 1, 0.9, 0.1)
    assert of[choose_next(features, NONE, np.arange(60), 1, uncertainty)[0]] == 1


def test_of_many_images_some_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_images, "MOST", 30)
    features, of = clusters([100, 50, 20])
    labelled = np.arange(40)  # more than are compared at once
    chosen = choose_next(features, labelled, np.arange(40, 170), 30, EVERY[:170])
    assert len(set(chosen.tolist())) == 30
    assert of[chosen[0]] == 1
    other = choose_next(features, labelled, np.arange(40, 170), 30, np.linspace(0, 1, 170))
    assert set(chosen) == set(other)  # all that were drawn


def test_images_that_are_all_equal_are_chosen_in_their_order() -> None:
    assert choose_next(np.ones((5, 3)), NONE, np.arange(5), 3, EVERY[:5]).tolist() == [0, 1, 2]
