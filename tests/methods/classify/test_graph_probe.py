"""Graph probe: diffusion, balancing and soft regression against dense computations, and the method on features."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from fewlabels.methods.class_shares import balance, choose_shares, class_shares, differ
from fewlabels.methods.graph import nearest_neighbours, neighbour_graph
from fewlabels.methods.label_diffusion import (
    WIDTH,
    GraphFit,
    certainty,
    combined,
    diffused_labels,
    fit_soft,
    principal_axes,
)
from fewlabels.models.heads.centred_linear import CentredLinear, square_root

RNG = np.random.default_rng


def clusters(count: int, classes: int, width: int = 8, spread: float = 0.9, seed: int = 0) -> tuple[Any, Any]:
    """Return positive features (count, width) around a centre per class, and the classes."""
    rng = RNG(seed)
    labels = np.arange(count) % classes
    centres = rng.uniform(0, 3, size=(classes, width))
    return np.abs(centres[labels] + spread * rng.normal(size=(count, width))), labels


def test_balancing_reaches_rows_of_one_and_the_given_shares() -> None:
    p = RNG(0).dirichlet(np.ones(3), size=50)
    shares = np.array([0.5, 0.3, 0.2])
    found = balance(p, shares, iterations=300)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(found.mean(0), shares, atol=1e-9)


def test_balancing_of_two_images_by_hand() -> None:
    """Scaling 2 x 2 to equal margins keeps the cross ratio p11 p22 / (p12 p21) = 9 / 2: x / (1 - x) is its root."""
    found = balance(np.array([[0.9, 0.1], [2 / 3, 1 / 3]]), np.array([0.5, 0.5]), iterations=200)
    ratio = np.sqrt(9 / 2)
    np.testing.assert_allclose(found, [[ratio, 1], [1, ratio]] / (1 + ratio), atol=1e-9)


def test_balancing_leaves_a_class_without_share_and_a_row_of_zeros() -> None:
    found = balance(np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]), np.array([0.5, 0.5, 0.0]))
    np.testing.assert_allclose(found, [[0.5, 0.5, 0], [0, 0, 0]])


@pytest.mark.parametrize(
    ("counts", "expected"),
    [([4, 4, 4], "equal"), ([3, 5, 4], "equal"), ([1, 1, 7], "free"), ([40, 5, 6], "estimated"), ([2, 3], "equal")],
)
def test_shares_follow_the_numbers_of_labels(counts: list[int], expected: str) -> None:
    assert choose_shares(np.array(counts)) == expected


def test_estimated_shares_and_a_class_without_labels() -> None:
    np.testing.assert_allclose(class_shares("estimated", np.array([7, 1, 0])), [0.8, 0.2, 0])
    np.testing.assert_allclose(class_shares("equal", np.array([7, 1, 0])), [0.5, 0.5, 0])
    assert class_shares("free", np.array([7, 1])) is None


def test_certainty_is_one_minus_the_normalised_entropy() -> None:
    np.testing.assert_allclose(certainty(np.array([[1.0, 0], [0.5, 0.5], [0.25, 0.75]])), [1, 0, 0.1887219], atol=1e-7)


def test_hard_labels_give_the_regression_of_scikit_learn() -> None:
    features, labels = clusters(60, 3)
    weights = RNG(1).uniform(0.5, 1.5, size=60)
    theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=5000).fit(features, labels, sample_weight=weights)
    ours = fit_soft(features, np.eye(3)[labels], weights, 2.0)
    expected = theirs.predict_proba(features)
    np.testing.assert_allclose(combined(ours.logits(features), np.ones((60, 3))), expected, atol=1e-4)


def test_soft_labels_are_the_mean_of_the_losses_of_hard_ones() -> None:
    """A row with soft label p has the loss of C rows with hard labels and weights p."""
    features, _ = clusters(40, 3)
    soft = RNG(2).dirichlet(np.ones(3), size=40)
    theirs = LogisticRegression(C=1.0, tol=1e-10, max_iter=5000).fit(
        np.repeat(features, 3, axis=0), np.tile(np.arange(3), 40), sample_weight=soft.ravel()
    )
    ours = fit_soft(features, soft, np.ones(40), 1.0)
    expected = theirs.predict_proba(features)
    np.testing.assert_allclose(combined(ours.logits(features), np.ones((40, 3))), expected, atol=1e-4)


def dense_soft_labels(weights: np.ndarray, known: np.ndarray, labels: np.ndarray, alpha: float) -> np.ndarray:
    """Solve the diffusion directly, (N, C) with rows of sum 1."""
    degree = weights.sum(1)
    seeds = np.zeros((len(weights), labels.max() + 1))
    for row, label in zip(known, labels, strict=True):
        seeds[row, label] = 1 / (labels == label).sum()
    spread = np.linalg.solve(np.eye(len(weights)) - alpha * weights / np.sqrt(np.outer(degree, degree)), seeds)
    return spread / spread.sum(1, keepdims=True)


def test_diffused_labels_equal_a_dense_reference_on_the_same_neighbours() -> None:
    features, labels = clusters(80, 4)
    similarity, indices = nearest_neighbours(torch.from_numpy(features), 6)
    weights = np.zeros((80, 80))
    for row in range(80):
        weights[row, indices[row]] = similarity[row].clamp_min(0).double().numpy() ** 3
    weights += weights.T
    known = np.array([0, 1, 2, 3, 8])
    found = diffused_labels(neighbour_graph(torch.from_numpy(features), 6), known, labels[known], 4, 0.8)
    np.testing.assert_allclose(found, dense_soft_labels(weights, known, labels[known], 0.8), atol=1e-6)


def test_an_image_that_no_label_reaches_has_uniform_labels() -> None:
    graph = csr_matrix(np.kron(np.eye(2), 1 - np.eye(2)))
    found = diffused_labels(graph, np.array([0]), np.array([1]), 2, 0.9)
    np.testing.assert_allclose(found, [[0, 1], [0, 1], [0.5, 0.5], [0.5, 0.5]], atol=1e-9)


def dense_fit(features: np.ndarray, weights: np.ndarray, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Compute the logits (N, C) of the whole procedure with alpha 0.8, sharpness 1.5, 2 refits, C 10, equal shares."""
    classes, count = labels.max() + 1, len(features)
    x = torch.from_numpy(np.column_stack([features, np.ones(count)]))

    def regress(rows: np.ndarray, soft: np.ndarray, weight: np.ndarray) -> np.ndarray:
        p, w = torch.from_numpy(soft), torch.from_numpy(weight)

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            table = torch.from_numpy(flat).reshape(-1, classes).requires_grad_()
            value = 10 * (w * -(p * (x[rows] @ table).log_softmax(1)).sum(1)).sum() + table[:-1].square().sum() / 2
            value.backward()
            assert table.grad is not None
            return value.item(), table.grad.numpy().ravel()

        begin = np.zeros(x.shape[1] * classes)
        return minimize(loss, begin, jac=True, method="BFGS", options={"gtol": 1e-7}).x.reshape(-1, classes)

    diffused = dense_soft_labels(weights, known, labels, 0.8)
    given = np.eye(classes)[labels]
    table = regress(known, given, np.ones(len(known)))
    for _ in range(2):
        soft = np.exp(1.5 * (x.numpy() @ table)) * np.maximum(diffused, 1e-4)
        for _ in range(40):
            soft = soft / soft.sum(1, keepdims=True)
            soft = soft / soft.mean(0) / classes
        soft = soft / soft.sum(1, keepdims=True)
        soft[known] = given
        weight = 1 + (soft * np.log(np.maximum(soft, 1e-300))).sum(1) / np.log(classes)
        table = regress(np.arange(count), soft, weight)
    return x.numpy() @ table


def test_the_procedure_equals_a_dense_reference() -> None:
    features, labels = clusters(45, 3, width=5)
    known = np.array([0, 1, 2, 3, 4, 5])
    graph = neighbour_graph(torch.from_numpy(features), 6)
    fit = GraphFit(0.8, 1.5, 2, 10.0, "equal").fit(features, graph, known, labels[known], 3)
    expected = dense_fit(features, graph.toarray(), known, labels[known])
    found = fit.logits(features)
    np.testing.assert_allclose(
        found - found.mean(1, keepdims=True), expected - expected.mean(1, keepdims=True), atol=0.05
    )


def test_the_head_sees_centred_square_roots_of_length_one() -> None:
    head = CentredLinear(2, 2)
    features = torch.tensor([[9.0, 16.0], [16.0, 9.0], [0.0, 4.0]])
    torch.testing.assert_close(square_root(features)[0], torch.tensor([3.0, 4.0]) / 5)
    head.set_centre(features)
    centred = head.scaled(features)
    torch.testing.assert_close(centred.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(head(features), centred @ head.weight.T + head.bias)


def test_the_graph_corrects_what_a_few_labels_do_not_show() -> None:
    """Two bent bands: the regression on two labels cuts them, the graph follows them."""
    rng, turn = RNG(0), np.linspace(0, np.pi, 100)
    upper = np.column_stack([np.cos(turn), np.sin(turn)])
    bands = np.concatenate([upper, np.array([1, 0.4]) - upper]) + 0.03 * rng.normal(size=(200, 2))
    features = np.column_stack([bands + 3, np.exp(-((bands[:, None] - bands[::10]) ** 2).sum(2) / 0.05)])
    labels = np.repeat([0, 1], 100)
    known = np.array([50, 150])
    graph = neighbour_graph(torch.from_numpy(features - features.mean(0)), 8)
    alone = fit_soft(features[known], np.eye(2), np.ones(2), 10.0).logits(features).argmax(1)
    found = GraphFit(0.8, 1.5, 2, 10.0, "equal").fit(features, graph, known, labels[known], 2).logits(features)
    assert (found.argmax(1) == labels).mean() > (alone == labels).mean() + 0.05


def test_principal_axes_keep_the_directions_of_largest_variance() -> None:
    rng = RNG(0)
    wide = rng.normal(size=(400, WIDTH + 30)) * np.concatenate([np.full(WIDTH, 10.0), np.full(30, 0.01)])
    axes = principal_axes(wide)
    assert axes.shape == (WIDTH + 30, WIDTH)
    np.testing.assert_allclose(axes.T @ axes, np.eye(WIDTH), atol=1e-9)
    assert np.abs(axes[WIDTH:]).max() < 0.01


def test_relaxed_balancing_stays_between_the_means_and_the_shares() -> None:
    rng = RNG(0)
    p = rng.dirichlet(np.array([3.0, 1, 1]), size=200)
    means, shares = p.mean(0), np.full(3, 1 / 3)
    strict, relaxed = (balance(p, shares, strength, 300).mean(0) for strength in (1.0, 0.5))
    np.testing.assert_allclose(strict, shares, atol=1e-9)
    assert means[0] - 0.05 > relaxed[0] > shares[0] + 0.02
    np.testing.assert_allclose(balance(p, shares, 0.5, 300).sum(1), 1)


def test_relaxed_balancing_is_a_fixed_point_of_its_factors() -> None:
    """At the fixed point b = (b s / m)^tau, so (m / s)^tau = b^(tau - 1): with tau = 1/2, b is s / m."""
    p = RNG(1).dirichlet(np.ones(2), size=50)
    shares = np.array([0.7, 0.3])
    found = balance(p, shares, 0.5, 500)
    factors = shares / found.mean(0)
    expected = p * factors
    np.testing.assert_allclose(found, expected / expected.sum(1, keepdims=True), atol=1e-9)


def test_shares_differ_if_they_vary_more_than_few_labels_explain() -> None:
    uneven = np.array([0.4, 0.4, 0.1, 0.1])  # coefficient of variation 0.6
    assert differ(uneven, 5)
    assert not differ(uneven, 1)
    assert not differ(np.full(4, 0.25), 100)


def test_an_uneven_pool_is_not_forced_to_be_even() -> None:
    """Two overlapping classes, 200 and 40 images, five labels each."""
    rng = RNG(0)
    labels = np.repeat([0, 1], [200, 40])
    features = rng.normal(size=(240, 6)) + np.outer(labels, np.full(6, 1.3))
    features -= features.mean(0)
    known = np.concatenate([np.arange(5), 200 + np.arange(5)])
    graph = neighbour_graph(torch.from_numpy(features), 10)
    shares = {}
    for name in ("auto", "equal", "relaxed"):
        found = GraphFit(0.8, 1.5, 2, 10.0, name).fit(features, graph, known, labels[known], 2)  # pyright: ignore[reportArgumentType]
        shares[name] = float((found.logits(features).argmax(1) == 1).mean())
    assert shares["auto"] == shares["relaxed"] < shares["equal"]
    assert abs(shares["auto"] - 1 / 6) < abs(shares["equal"] - 1 / 6)
