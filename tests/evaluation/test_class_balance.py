"""Warnings about collapsed pseudo-labels and imbalanced labels."""

import pytest

from fewlabels.evaluation.class_balance import collapse_note, effective_classes, imbalance_note

TEN = [f"c{k}" for k in range(10)]


def test_effective_classes_are_the_exponential_of_the_entropy() -> None:
    assert effective_classes([5, 5, 5, 5]) == pytest.approx(4)
    assert effective_classes([9, 0, 0]) == pytest.approx(1)
    assert effective_classes([1, 1, 2]) == pytest.approx(2**1.5)
    assert effective_classes([0, 0]) == 0


def test_two_of_ten_classes_is_a_collapse() -> None:
    note = collapse_note([480, 500, 3, 3, 3, 3, 2, 2, 2, 2], TEN)
    assert note is not None
    assert "98 % of the 1,000" in note
    assert "2 of the 10 classes ('c1', 'c0')" in note


@pytest.mark.parametrize("counts", [[100] * 10, [190, 170, 150, 130, 110, 90, 70, 50, 30, 10], [100] * 5 + [0] * 5])
def test_moderately_imbalanced_counts_are_not_a_collapse(counts: list[int]) -> None:
    assert collapse_note(counts, TEN) is None


@pytest.mark.parametrize(("counts", "warned"), [([90, 10], False), ([91, 9], False), ([92, 8], True), ([100, 0], True)])
def test_two_classes_can_collapse(counts: list[int], warned: bool) -> None:
    # exp(entropy) of 0.91/0.09 is 1.354, of 0.92/0.08 is 1.322; the limit is 4/3.
    assert (collapse_note(counts, ["a", "b"]) is not None) == warned


def test_few_pseudo_labels_cause_no_warning() -> None:
    assert collapse_note([99] + [0] * 9, TEN) is None
    assert collapse_note([100] + [0] * 9, TEN) is not None
    assert collapse_note([0] * 10, TEN) is None


def test_a_ratio_of_six_to_one_causes_a_warning() -> None:
    note = imbalance_note([30, 12, 5], ["cat", "dog", "owl"])
    assert note is not None
    assert "'cat' has 30 labels and 'owl' only 5" in note


def test_a_ratio_of_five_to_one_causes_no_warning() -> None:
    assert imbalance_note([25, 12, 5], ["cat", "dog", "owl"]) is None


def test_a_class_without_any_label_is_named() -> None:
    note = imbalance_note([4, 0, 4], ["cat", "dog", "owl"])
    assert note is not None
    assert "'dog'" in note


def test_no_labels_cause_no_warning() -> None:
    assert imbalance_note([0, 0], ["cat", "dog"]) is None
