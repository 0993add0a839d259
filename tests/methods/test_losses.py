"""Loss functions and ramps, compared with values computed by hand or by numpy from the papers' formulas."""

import math

import numpy as np
import torch

from fewlabels.methods.classify.freematch import fairness_loss, normalised_ratio
from fewlabels.methods.consistency import kl_divergence, pseudo_label_loss, softmax_mse, target_probabilities
from fewlabels.methods.ramps import linear_ramp, shortened_momentum, sigmoid_ramp


def test_the_pseudo_label_loss_is_divided_by_the_batch_size() -> None:
    """Two classes, logits (a, 0): the cross-entropy of class 0 is log(1 + e^-a). Two of four are kept."""
    logits = torch.tensor([[2.0, 0.0], [-1.0, 0.0], [5.0, 0.0], [0.0, 0.0]], dtype=torch.float64)
    keep = torch.tensor([True, True, False, False])
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(1))) / 4
    assert abs(float(pseudo_label_loss(logits, torch.zeros(4, dtype=torch.int64), keep)) - expected) < 1e-12


def test_without_a_kept_image_the_loss_and_its_gradient_are_zero() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = pseudo_label_loss(logits, torch.zeros(3, dtype=torch.int64), torch.zeros(3, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_targets_have_no_gradient() -> None:
    assert not target_probabilities(torch.randn(2, 3, requires_grad=True)).requires_grad


def test_the_fairness_term_is_the_papers_formula() -> None:
    """FreeMatch, Eq. 11 and 12 in numpy, for three kept rows of four; class 2 is never predicted."""
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


def test_without_a_kept_image_the_fairness_term_is_zero() -> None:
    third = torch.full((3,), 1 / 3)
    assert fairness_loss(torch.randn(2, 3), torch.zeros(2, dtype=torch.bool), third, third).item() == 0


def test_a_class_with_an_empty_histogram_counts_zero() -> None:
    ratio = normalised_ratio(torch.tensor([0.5, 0.5, 0.2]), torch.tensor([0.5, 0.25, 0.0]))
    torch.testing.assert_close(ratio, torch.tensor([1 / 3, 2 / 3, 0.0]))


def test_the_ramp_rises_to_one_and_stays() -> None:
    assert [linear_ramp(t, 0.4) for t in (0, 0.1, 0.4, 1)] == [0, 0.25, 1, 1]
    assert linear_ramp(0, 0) == 1


def test_the_sigmoid_ramp_is_that_of_the_papers() -> None:
    """docs/papers/baselines.md, worked example Sigmoid ramp: length 5, at 0 to 5."""
    expected = [0.0067379, 0.0407622, 0.1652989, 0.4493290, 0.8187308, 1]
    found = [sigmoid_ramp(t, 5) for t in range(6)]
    assert all(abs(a - b) < 1e-7 for a, b in zip(found, expected, strict=True))
    assert sigmoid_ramp(7, 5) == sigmoid_ramp(0, 0) == 1


def test_the_distance_of_probabilities_is_divided_by_the_classes() -> None:
    """docs/papers/baselines.md, worked example Pi-model: (0.7, 0.3) and (0.5, 0.5) give 0.04."""
    logits = torch.tensor([[math.log(0.7), math.log(0.3)]], dtype=torch.float64)
    assert abs(float(softmax_mse(logits, torch.full((1, 2), 0.5))) - 0.04) < 1e-6


def test_the_divergence_of_attention_maps_is_the_papers() -> None:
    """docs/papers/student-report.md, T-5, with flattened maps."""
    weak, strong = (torch.tensor([row]) for row in ([0, 0, 0, math.log(3)], [math.log(2), 0, 0, 0]))
    assert abs(float(kl_divergence(weak.softmax(1), strong)) - 0.2514600574) < 1e-6
    assert abs(float(kl_divergence(strong.softmax(1), weak)) - 0.2398579713) < 1e-6
    certain = torch.tensor([[1.0, 0.0]])
    assert abs(float(kl_divergence(certain, torch.zeros(1, 2))) - math.log(2)) < 1e-6


def test_the_averaging_window_is_at_most_a_tenth_of_a_run() -> None:
    assert shortened_momentum(0.999, 10_800) == shortened_momentum(0.999, 1 << 20) == 0.999
    assert abs(shortened_momentum(0.999, 1500) - (1 - 1 / 150)) < 1e-12
    assert shortened_momentum(0.5, 1500) == 0.5
    assert shortened_momentum(0.999, 3) == 0
