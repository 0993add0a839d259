"""Metrics for several labels per image, against values computed by hand and scikit-learn."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from fewlabels.data.dataset import ABSENT, PRESENT, UNKNOWN
from fewlabels.evaluation.multilabel import average_precisions, multilabel_metrics

PROBABILITIES = torch.tensor([[0.9, 0.8, 0.1], [0.6, 0.7, 0.2], [0.4, 0.3, 0.6], [0.3, 0.6, 0.2]], dtype=torch.float64)
PRESENCE = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)


def marks(presence: torch.Tensor) -> torch.Tensor:
    return torch.where(presence, PRESENT, ABSENT).to(torch.int8)


def metrics(probabilities: torch.Tensor, labels: torch.Tensor) -> dict[str, Any]:
    return dict(multilabel_metrics(probabilities, labels))


def test_metrics_of_the_worked_example() -> None:
    """docs/papers/saliency-regularization.md, S-4."""
    found = metrics(PROBABILITIES, marks(PRESENCE))
    assert found.pop("AP") == pytest.approx([0.8333333333, 0.5833333333, 1.0], abs=1e-9)
    assert found == pytest.approx(
        {
            "num_images": 4,
            "classes_without_positives": 0,
            "mAP": 0.8055555556,
            "mAP_voc": (0.8333333333 + 0.6666666667 + 1) / 3,
            "OP": 0.6666666667,
            "OR": 0.8,
            "OF1": 0.7272727273,
            "CP": 0.7222222222,
            "CR": 0.8333333333,
            "CF1": 0.7738095238,
        },
        abs=1e-9,
    )


def test_interpolation_raises_the_average_precision_of_a_late_run_of_positives() -> None:
    ranked = np.array([0, 1, 0, 1, 1], dtype=bool)
    plain, interpolated = average_precisions(np.arange(5, 0, -1) / 5, ranked)
    assert plain == pytest.approx(0.5333333333)
    assert interpolated == pytest.approx(0.6)


@pytest.mark.parametrize("levels", [10**6, 5, 1], ids=["all differ", "many ties", "all tied"])
def test_average_precision_equals_scikit_learns_with_any_ties(levels: int) -> None:
    rng = np.random.default_rng(levels)
    scores = rng.integers(levels, size=(200, 6)) / levels
    presence = rng.random((200, 6)) < 0.2
    found = metrics(torch.tensor(scores), marks(torch.tensor(presence)))
    expected = average_precision_score(presence, scores, average=None)
    np.testing.assert_allclose(found["AP"], expected, rtol=1e-12)
    assert found["mAP"] == pytest.approx(average_precision_score(presence, scores, average="macro"))


def test_unknown_labels_are_ignored() -> None:
    """For each class, the metrics are those of the images with a known label."""
    rng = np.random.default_rng(0)
    probabilities = torch.tensor(rng.random((60, 3)))
    labels = torch.tensor(rng.choice([PRESENT, ABSENT, UNKNOWN], size=(60, 3)).astype(np.int8))
    found = metrics(probabilities, labels)
    singles = []
    for k in range(3):
        known = labels[:, k] != UNKNOWN
        singles.append(metrics(probabilities[known, k, None], labels[known, k, None]))
    for key in ("mAP", "mAP_voc", "CP", "CR"):
        assert found[key] == pytest.approx(np.mean([single[key] for single in singles]))
    assert found["AP"] == pytest.approx([single["AP"][0] for single in singles])
    flipped = torch.where(labels == UNKNOWN, 1 - probabilities, probabilities)
    assert metrics(flipped, labels) == found


def test_a_class_without_positives_is_excluded_and_counted() -> None:
    empty = torch.full((4, 1), ABSENT, dtype=torch.int8)
    unknown = torch.full((4, 1), UNKNOWN, dtype=torch.int8)
    more = torch.cat([PROBABILITIES, torch.full((4, 2), 0.9, dtype=torch.float64)], 1)
    found = metrics(more, torch.cat([marks(PRESENCE), empty, unknown], 1))
    alone = metrics(PROBABILITIES, marks(PRESENCE))
    assert found.pop("classes_without_positives") == 2
    assert found.pop("AP") == [*alone["AP"], None, None]
    assert found == {key: value for key, value in alone.items() if key in found}


def test_a_class_that_is_never_predicted_has_no_precision_and_one_false_prediction() -> None:
    low = PROBABILITIES.clone()
    low[:, 2] = 0.1
    found = metrics(low, marks(PRESENCE))
    assert found["CP"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    assert found["OP"] == pytest.approx(3 / (2 + 3 + 1))


def test_without_predictions_the_metrics_are_zero() -> None:
    found = metrics(PROBABILITIES / 10, marks(PRESENCE))
    assert [found[key] for key in ("OP", "OR", "OF1", "CP", "CR", "CF1")] == [0] * 6
    assert found["mAP"] == pytest.approx(0.8055555556)


def test_images_without_a_known_label_are_not_counted() -> None:
    labels = marks(PRESENCE)
    labels[1] = UNKNOWN
    assert metrics(PROBABILITIES, labels)["num_images"] == 3
    assert metrics(PROBABILITIES, torch.zeros(4, 3, dtype=torch.int8)) == {}


def test_without_positives_there_are_only_counts() -> None:
    labels = torch.full((4, 3), ABSENT, dtype=torch.int8)
    found = metrics(PROBABILITIES, labels)
    assert found == {"num_images": 4, "classes_without_positives": 3, "AP": [None] * 3}


def test_half_precision_is_supported_and_the_metrics_are_valid_json() -> None:
    found = metrics(PROBABILITIES.bfloat16(), marks(PRESENCE))
    assert json.loads(json.dumps(found)) == found
    assert found["CF1"] == pytest.approx(0.7738095238)
