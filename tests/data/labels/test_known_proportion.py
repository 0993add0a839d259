"""Known proportions: drawn as the published protocol does."""

import numpy as np
import pytest

from fewlabels.data.dataset import UNKNOWN
from fewlabels.data.labels.known_proportion import drop_marks
from fewlabels.errors import UserError

RNG = np.random.default_rng(0)
LABELS = np.where(RNG.random((400, 20)) < 0.2, 1, -1).astype(np.int8)


def test_seed_0_keeps_the_marks_that_the_legacy_generator_draws() -> None:
    kept = drop_marks(np.ones((2, 5), np.int8), 0.5, 0) != UNKNOWN
    assert kept.astype(int).tolist() == [[0, 0, 0, 0, 1], [0, 1, 0, 0, 1]]


def test_the_kept_marks_are_unchanged_and_both_kinds_are_kept_equally_often() -> None:
    left = drop_marks(LABELS, 0.3, 1)
    kept = left != UNKNOWN
    assert left.dtype == np.int8
    np.testing.assert_array_equal(left[kept], LABELS[kept])
    for mark in (1, -1):
        assert kept[mark == LABELS].mean() == pytest.approx(0.3, abs=0.03)


def test_a_larger_proportion_keeps_all_that_a_smaller_one_does() -> None:
    few, many = (drop_marks(LABELS, share, 3) != UNKNOWN for share in (0.2, 0.6))
    assert (many >= few).all()
    assert many.sum() > few.sum()


def test_all_are_kept_at_1_and_what_was_unknown_stays_so() -> None:
    partly = LABELS.copy()
    partly[::3] = UNKNOWN
    np.testing.assert_array_equal(drop_marks(partly, 1, 0), partly)
    assert (drop_marks(partly, 0.5, 0)[::3] == UNKNOWN).all()


def test_the_seed_decides_and_numpys_global_generator_is_left_alone() -> None:
    np.random.seed(5)
    before = np.random.random()
    np.random.seed(5)
    np.testing.assert_array_equal(drop_marks(LABELS, 0.5, 1), drop_marks(LABELS, 0.5, 1))
    assert np.random.random() == before
    assert (drop_marks(LABELS, 0.5, 1) != drop_marks(LABELS, 0.5, 2)).any()


@pytest.mark.parametrize(
    ("proportion", "seed"), [(0, 0), (-0.1, 0), (1.01, 0), (float("nan"), 0), (0.5, -1), (0.5, 2**32)]
)
def test_values_out_of_range_are_user_errors(proportion: float, seed: int) -> None:
    with pytest.raises(UserError, match=r"--known-proportion|--label-seed"):
        drop_marks(LABELS, proportion, seed)
