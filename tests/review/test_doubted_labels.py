"""Labels that the other labels contradict, and copies with different labels."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from fewlabels.auto.heads import Given
from fewlabels.review.doubted_labels import contradicted, copies, doubted, held_out_probabilities

NO_COPIES = np.zeros((2000, 4), np.float32)


def test_labels_are_doubted_where_another_class_is_more_likely() -> None:
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.1, 0.3, 0.6], [0.3, 0.7, 0], [0.05, 0.95, 0]])
    found = contradicted(probabilities, np.array([0, 1, 0, 1, 0]))
    assert [(row, suggested) for row, suggested, _ in found] == [(4, 1), (2, 2), (1, 0)]
    assert [score for *_, score in found] == pytest.approx([0.95, 0.9, 0.8])


def test_copies_have_the_same_look_and_different_labels() -> None:
    look = np.random.default_rng(0).random((4, 256)).astype(np.float32)
    thumbnails = np.concatenate([look, 0.9 * look[:1] + 0.05, look[1:2], np.ones((2, 256), np.float32)])
    assert copies(thumbnails, np.array([0, 0, 1, 1, 1, 0, 0, 1])) == [(0, 4)]  # not (1, 5), nor blank images


@pytest.mark.parametrize("seed", range(2))
def test_flipped_labels_of_digits_come_first(seed: int) -> None:
    pixels, truth = load_digits(return_X_y=True)
    pixels, truth = pixels[:900].astype(np.float32) / 16, truth[:900]
    draw = np.random.default_rng(seed)
    rows = np.sort(draw.permutation(900)[:300])
    labels = truth[rows].copy()
    flips = draw.permutation(300)[:15]
    labels[flips] = (labels[flips] + draw.integers(1, 10, 15)) % 10
    found = doubted(pixels, NO_COPIES, Given(rows, labels), 10)
    first = {doubt.row for doubt in found[:15]}
    assert len(first & set(rows[flips].tolist())) >= 9  # 60 %
    right = {doubt.row for doubt in found if doubt.suggested == truth[doubt.row]}
    assert len(right & set(rows[flips].tolist())) >= 9


def test_no_label_is_predicted_by_a_fit_that_saw_it() -> None:
    """Labels at random can't be predicted; a fit that saw them knows most of them."""
    draw = np.random.default_rng(0)
    features, labels = draw.normal(size=(80, 60)).astype(np.float32), draw.integers(0, 2, 80)
    places, probabilities = held_out_probabilities(features, Given(np.arange(80), labels), 2, 0)
    assert places.tolist() == list(range(80))
    assert (probabilities.argmax(1) == labels).mean() < 0.7


def test_labels_of_a_class_alone_are_not_judged() -> None:
    features = np.random.default_rng(0).random((20, 5)).astype(np.float32)
    given = Given(np.arange(5), np.array([0, 0, 1, 1, 2]))
    places, probabilities = held_out_probabilities(features, given, 3, 0)
    assert places.tolist() == [0, 1, 2, 3]
    assert probabilities.sum(1) == pytest.approx(np.ones(4))
    alone = Given(np.arange(2), np.array([0, 1]))
    assert doubted(features, NO_COPIES, alone, 2) == []
