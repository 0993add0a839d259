"""Metrics against scikit-learn, scipy and values computed by hand."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn import metrics as oracle

from fewlabels.evaluation.classification import classification_metrics, confusion, wilson_interval


def _random(num_images: int, num_classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return probabilities that are biased towards the truth, and labels."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(num_classes, (num_images,), generator=generator)
    logits = torch.randn(num_images, num_classes, generator=generator) + 1.5 * torch.eye(num_classes)[labels]
    return logits.softmax(1), labels


@pytest.mark.parametrize("num_classes", [2, 3, 7, 40])
def test_metrics_equal_those_of_scikit_learn(num_classes: int) -> None:
    probabilities, labels = _random(300, num_classes)
    ours = classification_metrics(probabilities, labels)
    p, y = probabilities.double().numpy(), labels.numpy()
    p /= p.sum(1, keepdims=True)
    guess = p.argmax(1)
    assert ours["accuracy"] == oracle.accuracy_score(y, guess)
    assert ours["balanced_accuracy"] == pytest.approx(oracle.balanced_accuracy_score(y, guess), abs=1e-6)
    assert ours["macro_f1"] == pytest.approx(oracle.f1_score(y, guess, average="macro"), abs=1e-6)
    assert ours["nll"] == pytest.approx(oracle.log_loss(y, p, labels=range(num_classes)), abs=1e-5)
    assert ours["num_images"] == 300
    if num_classes > 5:
        top5 = oracle.top_k_accuracy_score(y, p, k=5, labels=range(num_classes))
        assert ours["top5_accuracy"] == pytest.approx(top5, abs=1e-6)
    else:
        assert "top5_accuracy" not in ours


def test_six_classes_have_a_top5_accuracy_and_five_have_none() -> None:
    assert "top5_accuracy" in classification_metrics(*_random(20, 6))
    assert "top5_accuracy" not in classification_metrics(*_random(20, 5))


def test_a_class_without_images_does_not_lower_the_balanced_accuracy() -> None:
    predicted, labels = [0, 0, 1, 2], [0, 0, 1, 1]
    probabilities = torch.eye(4)[predicted]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = oracle.balanced_accuracy_score(labels, predicted)
    assert expected == 0.75
    assert classification_metrics(probabilities, torch.tensor(labels))["balanced_accuracy"] == pytest.approx(0.75)


def test_no_images_have_no_metrics() -> None:
    assert classification_metrics(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)) == {}


def test_one_image_has_metrics() -> None:
    ours = classification_metrics(torch.tensor([[0.2, 0.8]]), torch.tensor([1]))
    assert ours["accuracy"] == 1.0
    assert ours["nll"] == pytest.approx(-math.log(0.8), abs=1e-6)
    assert ours["calibration_error"] == pytest.approx(0.2, abs=1e-6)


def test_a_certain_error_has_a_finite_nll() -> None:
    nll = classification_metrics(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))["nll"]
    assert nll == pytest.approx(12 * math.log(10), rel=1e-5)


def test_half_precision_probabilities_are_evaluated() -> None:
    ours = classification_metrics(
        torch.tensor([[0.25, 0.75], [0.75, 0.25]], dtype=torch.bfloat16), torch.tensor([1, 1])
    )
    assert ours["accuracy"] == 0.5


def test_calibration_error_equals_the_value_computed_by_hand() -> None:
    # Of 15 bins: four images at 0.9 (bin 14, 3 correct) and four at 0.61 (bin 10, 2 correct).
    confidence = torch.tensor([0.9] * 4 + [0.61] * 4)
    labels = torch.tensor([0, 0, 0, 1, 0, 0, 1, 1])
    ours = classification_metrics(torch.stack([confidence, 1 - confidence], 1), labels)
    assert ours["calibration_error"] == pytest.approx(0.5 * (0.9 - 0.75) + 0.5 * (0.61 - 0.5), abs=1e-6)


def test_a_confidence_of_one_is_in_the_last_bin() -> None:
    # Ten correct at 0.95, nine of ten correct at 1: the bin has confidence 0.975 and accuracy 0.95.
    confidence = torch.tensor([0.95] * 10 + [1.0] * 10)
    labels = torch.tensor([0] * 19 + [1])
    ours = classification_metrics(torch.stack([confidence, 1 - confidence], 1), labels)
    assert ours["calibration_error"] == pytest.approx(0.025, abs=1e-5)


def test_a_probability_rounded_above_one_is_not_treated_as_a_logit() -> None:
    probabilities = torch.tensor([[1.0000001, 0.0], [0.0, 1.0]])
    assert classification_metrics(probabilities, torch.tensor([0, 1]))["calibration_error"] == pytest.approx(
        0, abs=1e-5
    )


@pytest.mark.parametrize(("correct", "total"), [(0, 1), (1, 1), (0, 7), (3, 7), (7, 7), (97, 100), (9731, 10000)])
def test_wilson_interval_equals_that_of_scipy(correct: int, total: int) -> None:
    expected = binomtest(correct, total).proportion_ci(0.95, method="wilson")
    assert wilson_interval(correct, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_metrics_include_the_wilson_interval() -> None:
    ours = classification_metrics(torch.eye(2)[[0] * 100], torch.tensor([0] * 97 + [1] * 3))
    expected = binomtest(97, 100).proportion_ci(0.95, method="wilson")
    assert (ours["accuracy_low"], ours["accuracy_high"]) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_confusion_rows_are_the_truth() -> None:
    labels, predicted = [0, 0, 1, 2, 2, 2], [0, 1, 1, 0, 0, 2]
    ours = confusion(torch.tensor(predicted), torch.tensor(labels), 4)
    assert ours == oracle.confusion_matrix(labels, predicted, labels=range(4)).tolist()
    assert ours[2][0] == 2


def test_confusion_of_no_images_is_zero() -> None:
    none = torch.zeros(0, dtype=torch.int64)
    assert np.array_equal(confusion(none, none, 3), np.zeros((3, 3)))
