"""Loss functions against numbers worked out by hand or by numpy from the papers' formulas."""

import math

import numpy as np
import torch

from fewlabels.methods.classify.freematch import fairness_loss, normalised_ratio
from fewlabels.methods.consistency import pseudo_label_loss, target_probabilities
from fewlabels.methods.ramps import linear_ramp


def test_kept_pseudo_labels_count_and_the_batch_size_divides() -> None:
    """Two classes, logits (a, 0): the cross-entropy of class 0 is log(1 + e^-a). Two of four are kept."""
    logits = torch.tensor([[2.0, 0.0], [-1.0, 0.0], [5.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    keep = torch.tensor([True, True, False, False])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 4
    assert abs(float(pseudo_label_loss(logits, torch.zeros(4, dtype=torch.int64), keep)) - expected) < 1e-12


def test_nothing_kept_is_a_loss_of_zero_and_no_gradient() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = pseudo_label_loss(logits, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_targets_carry_no_gradient() -> None:
    assert not target_probabilities(torch.randn(2, 3, requires_grad=True)).requires_grad


def test_the_fairness_term_is_the_papers_formula() -> None:
    """FreeMatch Eq. 11 and 12 worked out in numpy for three kept rows of four; class 2 is never predicted."""
    logits = np.array([[2.0, 0, 0], [1, 0, 0.5], [0, 3, 0], [0, 0, 9.0]])
    q = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    p, h = np.array([0.5, 0.3, 0.2]), np.array([0.6, 0.3, 0.1])
    mean, counts = q[:3].mean(0), np.array([2 / 3, 1 / 3, 0])
    left = (p / h) / (p / h).sum()
    right = np.array([mean[0] / counts[0], mean[1] / counts[1], 0])
    right /= right.sum()
    expected = (left * np.log(right + 1e-12)).sum()
    kept = torch.tensor([True, True, True, False])
    found = fairness_loss(torch.tensor(logits), kept, torch.tensor(p), torch.tensor(h))
    assert abs(float(found) - expected) < 1e-5


def test_the_fairness_term_of_nothing_is_zero() -> None:
    third = torch.full((3,), 1 / 3)
    assert fairness_loss(torch.randn(2, 3), torch.zeros(2, dtype=torch.bool), third, third).item() == 0


def test_a_class_the_histogram_lacks_counts_nothing() -> None:
    ratio = normalised_ratio(torch.tensor([0.5, 0.5, 0.2]), torch.tensor([0.5, 0.25, 0.0]))
    torch.testing.assert_close(ratio, torch.tensor([1 / 3, 2 / 3, 0.0]))


def test_the_ramp_rises_to_one_and_stays() -> None:
    assert [linear_ramp(t, 0.4) for t in (0, 0.1, 0.4, 1)] == [0, 0.25, 1, 1]
    assert linear_ramp(0, 0) == 1
