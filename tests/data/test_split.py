"""The draw of the labels that a run may use."""

import numpy as np
import pytest

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, VAL, ArrayImages, Dataset
from fewlabels.data.split import draw_split
from fewlabels.errors import UserError


def dataset(labels: list[int], splits: list[int] | None = None, classes: int = 3) -> Dataset:
    n = len(labels)
    return Dataset(
        "toy", tuple("abc"[:classes]), tuple(f"train/{i}" for i in range(n)),
        np.array(splits or [TRAIN] * n, dtype=np.int8), np.array(labels),
        ArrayImages(np.zeros((n, 8, 8, 1), np.uint8)), "none",
    )  # fmt: skip


BALANCED = dataset([0, 1, 2] * 10)


def test_labels_are_drawn_equally_from_the_classes() -> None:
    split = draw_split(BALANCED, seed=0, num_labels=6)
    assert sorted(BALANCED.labels[split.labelled].tolist()) == [0, 0, 1, 1, 2, 2]


def test_a_class_with_few_labels_gives_all_of_them() -> None:
    data = dataset([0] * 10 + [1] * 10 + [2])
    split = draw_split(data, seed=0, num_labels=9)
    assert np.bincount(data.labels[split.labelled]).tolist() == [4, 4, 1]


def test_a_fraction_of_each_class_is_drawn_and_at_least_one_label() -> None:
    data = dataset([0] * 20 + [1] * 10 + [2])
    split = draw_split(data, seed=0, label_fraction=0.2)
    assert np.bincount(data.labels[split.labelled]).tolist() == [4, 2, 1]


def test_the_same_seed_draws_the_same_labels_and_another_seed_others() -> None:
    first, again, other = (draw_split(BALANCED, seed=s, num_labels=6).labelled.tolist() for s in (1, 1, 2))
    assert first == again != other


def test_the_pool_is_all_training_images_or_those_without_a_label() -> None:
    with_labelled = draw_split(BALANCED, seed=0, num_labels=6)
    without = draw_split(BALANCED, seed=0, num_labels=6, pool="unlabelled")
    assert set(with_labelled.labelled) <= set(with_labelled.pool)
    assert not set(without.labelled) & set(without.pool)
    assert len(with_labelled.pool) == 30
    assert len(without.pool) == 24


def test_with_all_labels_drawn_the_pool_is_all_images_or_empty() -> None:
    split = draw_split(BALANCED, seed=0, label_fraction=1.0)
    assert split.labelled.tolist() == split.pool.tolist() == list(range(30))
    assert not len(split.unlabelled)
    assert not len(draw_split(BALANCED, seed=0, label_fraction=1.0, pool="unlabelled").pool)


def test_validation_images_are_labelled_and_never_trained_on() -> None:
    split = draw_split(BALANCED, seed=0, num_labels=12, val_fraction=0.25)
    assert len(split.val) == 3
    assert len(split.labelled) == 9
    assert not set(split.val) & (set(split.labelled) | set(split.pool))


def test_test_images_are_in_no_other_split() -> None:
    data = dataset([0, 1, 2] * 4, [TRAIN, TRAIN, TRAIN, TEST, TEST, VAL] * 2)
    split = draw_split(data, seed=0)
    assert split.test.tolist() == [3, 4, 9, 10]
    assert split.val.tolist() == [5, 11]
    assert not set(split.test) & (set(split.labelled) | set(split.pool) | set(split.val))


@pytest.mark.parametrize(
    ("labels", "asked", "words"),
    [
        ([0, 1, 2] * 3, {"num_labels": 2}, "less than the 3 classes"),
        ([0, 1, 2] * 3, {"num_labels": 10}, "more than the 9 labels"),
        ([0, 0, UNLABELLED], {}, "two classes"),
        ([0, 1, 2] * 2, {"val_fraction": 0.9}, "without a labelled image"),
    ],
)
def test_impossible_numbers_of_labels_are_refused(labels: list[int], asked: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        draw_split(dataset(labels), seed=0, **asked)
