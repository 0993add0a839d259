"""The cross-fitted accuracy, at chance for random labels and absent where it can't be estimated."""

import warnings

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import load_digits

from fewlabels.evaluation import cross_fit as module
from fewlabels.evaluation.cross_fit import cross_fit


def _digits(per_class: int) -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = load_digits(return_X_y=True)
    rows = np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in range(10)])
    return pixels[rows], labels[rows]


def test_features_that_separate_the_classes_score_high() -> None:
    features, labels = _digits(10)
    found = cross_fit(features, labels, seed=0)
    assert found is not None
    assert 0.8 < found["accuracy"] <= 1
    assert (found["num_images"], found["folds"]) == (100, 5)
    expected = binomtest(round(found["accuracy"] * 100), 100).proportion_ci(0.95, method="wilson")
    assert (found["accuracy_low"], found["accuracy_high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_shuffled_labels_score_at_chance() -> None:
    features, labels = _digits(20)
    found = cross_fit(features, np.random.default_rng(0).permutation(labels), seed=0)
    assert found is not None
    assert found["accuracy"] < 0.25


def test_the_seed_determines_the_folds() -> None:
    features, labels = _digits(10)
    noisy = features + np.random.default_rng(1).normal(0, 8, features.shape)
    runs = [cross_fit(noisy, labels, seed) for seed in (0, 0, 1, 2, 3)]
    assert runs[0] == runs[1]
    assert len({run["accuracy"] for run in runs if run}) > 1


def test_the_length_of_features_has_no_effect() -> None:
    features, labels = _digits(5)
    scaled = features * np.random.default_rng(0).uniform(0.01, 100, (len(features), 1))
    assert cross_fit(features, labels, 0) == cross_fit(scaled, labels, 0)


def test_classes_with_few_images_have_fewer_folds() -> None:
    features, labels = _digits(3)
    found = cross_fit(features, labels, 0)
    assert found is not None
    assert (found["folds"], found["num_images"]) == (3, 30)


def test_a_class_of_two_among_larger_ones_is_scored_without_a_warning() -> None:
    features = np.concatenate(
        [np.tile([1.0, 0, 0], (9, 1)), np.tile([0, 1.0, 0], (9, 1)), np.tile([0, 0, 1.0], (2, 1))]
    )
    labels = np.repeat([0, 1, 2], [9, 9, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = cross_fit(features, labels, 0)
    # Correct for the class of two only because one of the two images is used to fit while the other is held out.
    assert found is not None
    assert (found["accuracy"], found["num_images"], found["folds"]) == (1.0, 20, 5)


def test_a_class_with_one_image_is_excluded_and_this_is_explained() -> None:
    features, labels = _digits(4)
    keep = np.ones(len(labels), bool)
    keep[np.flatnonzero(labels == 7)[1:]] = False
    found = cross_fit(features[keep], labels[keep], 0)
    assert found is not None
    assert found["num_images"] == 36
    assert "single labelled image" in str(found["what"])
    full = cross_fit(features, labels, 0)
    assert full is not None
    assert "single labelled image" not in str(full["what"])


def test_the_estimate_is_explained() -> None:
    found = cross_fit(*_digits(5), 0)
    assert found is not None
    what = str(found["what"])
    assert all(
        word in what for word in ("no test split", "estimate", "features saw these labels", "optimistic", "binomial")
    )


@pytest.mark.parametrize("labels", [[], [0], [0, 0, 0], [0, 1, 2, 3], [0, 0, 0, 1]])
def test_no_estimate_without_two_classes_of_two(labels: list[int]) -> None:
    features = np.random.default_rng(0).normal(size=(len(labels), 3))
    assert cross_fit(features, np.array(labels, dtype=np.int64), 0) is None


def test_no_estimate_from_features_that_are_not_finite() -> None:
    features, labels = _digits(3)
    features[0, 0] = np.nan
    assert cross_fit(features, labels, 0) is None


def test_class_indices_need_not_be_contiguous() -> None:
    features, labels = _digits(5)
    found, shifted = cross_fit(features, labels, 0), cross_fit(features, labels * 3 + 4, 0)
    assert found == shifted


def test_a_subset_of_very_many_labels_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_IMAGES", 50)
    found = cross_fit(*_digits(20), 0)
    assert found is not None
    assert found["num_images"] <= 50
