"""Label propagation: graph and diffusion compared with scikit-learn and numpy, certainties, and the whole method."""

from typing import Any

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from scipy.stats import entropy
from sklearn.neighbors import NearestNeighbors
from sklearn.semi_supervised import LabelSpreading
from tests.methods.linear import batch, identity_model
from torch import Tensor

from fewlabels.methods import graph
from fewlabels.methods.classify.label_propagation import LabelPropagation, LabelPropagationParameters
from fewlabels.methods.graph import (
    balanced_seeds,
    class_weights,
    diffuse,
    nearest_neighbours,
    neighbour_graph,
    propagated_labels,
)
from fewlabels.methods.method import Problem
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import probabilities
from fewlabels.training.pool import TrainingPool

CHAIN = np.array([[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]], dtype=np.float64)
ENDS = np.array([[1.0, 0], [0, 0], [0, 0], [0, 1]])


def cloud(count: int, width: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, width))


def full_graph(features: np.ndarray, k: int) -> np.ndarray:
    """Return A + A^T of max(cosine, 0)^3, (N, N), with the neighbours by scikit-learn."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    found = NearestNeighbors(n_neighbors=k, metric="cosine").fit(unit).kneighbors(return_distance=False)
    a = np.zeros((len(unit), len(unit)))
    for row, neighbours in enumerate(found):
        a[row, neighbours] = np.maximum(unit[neighbours] @ unit[row], 0) ** 3
    return a + a.T


def spread(weights: np.ndarray, seeds: np.ndarray, alpha: float) -> np.ndarray:
    """Return (I - alpha D^-1/2 W D^-1/2)^-1 Y by a direct solver."""
    degree = weights.sum(1)
    return np.linalg.solve(np.eye(len(weights)) - alpha * weights / np.sqrt(np.outer(degree, degree)), seeds)


def test_labels_propagate_along_a_chain() -> None:
    """docs/papers/baselines.md, worked example Label propagation: classes 0 and 1 at the ends of four nodes."""
    z = diffuse(csr_matrix(CHAIN), ENDS, 0.99, 20)
    p = z / z.sum(1, keepdims=True)
    expected = [[0.5220200, 0.4779800], [0.5074382, 0.4925618], [0.4925618, 0.5074382], [0.4779800, 0.5220200]]
    np.testing.assert_allclose(p, expected, atol=1e-6)
    labels, certainty = propagated_labels(z)
    assert labels.tolist() == [0, 0, 1, 1]
    assert certainty.tolist() == pytest.approx([1, 0.1140712, 0.1140712, 1], abs=1e-6)


def test_the_diffusion_is_that_of_scikit_learn() -> None:
    """LabelSpreading converges to the same solution times 1 - alpha; both are compared after normalisation."""
    features = cloud(40)
    weights = full_graph(features, 6)
    labels = np.full(40, -1)
    labels[[3, 11, 25, 30]] = [0, 1, 2, 1]
    kernel: Any = lambda x, y: weights  # noqa: E731
    theirs = LabelSpreading(kernel=kernel, alpha=0.9, max_iter=5000, tol=1e-12).fit(features, labels)
    seeds = np.zeros((40, 3))
    seeds[[3, 11, 25, 30], [0, 1, 2, 1]] = 1
    z = diffuse(csr_matrix(weights), seeds, 0.9, 200)
    np.testing.assert_allclose(z / z.sum(1, keepdims=True), theirs.label_distributions_, atol=1e-5)


def test_the_number_of_iterations_is_limited() -> None:
    """One step of conjugate gradients from zero is (r r / r A r) r with r = y; A has ones on its diagonal."""
    once = diffuse(csr_matrix(CHAIN), ENDS, 0.99, 1)
    np.testing.assert_allclose(once, ENDS, atol=1e-12)


def test_an_image_without_neighbours_keeps_its_seed() -> None:
    alone = csr_matrix(np.pad(CHAIN, (0, 1)))
    z = diffuse(alone, np.pad(ENDS, ((0, 1), (0, 0))) + np.array([[0, 0]] * 4 + [[0, 0.5]]), 0.99, 20)
    assert z[4].tolist() == pytest.approx([0, 0.5])
    np.testing.assert_allclose(z[:4], spread(CHAIN, ENDS, 0.99), rtol=1e-5)


@pytest.mark.usefixtures("in_float64")
@pytest.mark.parametrize("k", [1, 5, 29])
def test_the_graph_joins_each_image_to_its_nearest_neighbours(k: int) -> None:
    features = cloud(30)
    found = neighbour_graph(torch.from_numpy(features), k).toarray()
    np.testing.assert_allclose(found, full_graph(features, k), atol=1e-12)
    assert not found.diagonal().any()


def test_more_neighbours_than_images_give_all_other_images() -> None:
    features = torch.from_numpy(cloud(6))
    assert nearest_neighbours(features, 50)[1].shape == (6, 5)
    np.testing.assert_array_equal(neighbour_graph(features, 50).toarray(), neighbour_graph(features, 5).toarray())


@pytest.mark.usefixtures("in_float64")
def test_neighbours_do_not_depend_on_the_size_of_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    features = torch.from_numpy(cloud(30))
    whole = nearest_neighbours(features, 4)
    monkeypatch.setattr(graph, "CHUNK", 30 * 7)
    parts = nearest_neighbours(features, 4)
    assert torch.equal(whole[1], parts[1])
    torch.testing.assert_close(whole[0], parts[0])


def test_images_with_a_negative_cosine_are_not_joined() -> None:
    found = neighbour_graph(torch.tensor([[1.0, 0], [-1, 0.1]]), 1).toarray()
    assert not found.any()


def test_the_seeds_of_a_class_sum_to_one() -> None:
    seeds = balanced_seeds(5, 3, np.array([4, 0, 2]), np.array([1, 1, 0]))
    assert seeds.tolist() == [[0, 0.5, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0.5, 0]]


def test_certainty_is_one_minus_the_relative_entropy() -> None:
    """By scipy's entropy; the most certain image has 1, one that no label reaches has 0."""
    z = np.array([[3.0, 1, 0], [1, 1, 1], [0, 5, 0.5], [0, 0, 0], [2, -1, 1]])
    labels, certainty = propagated_labels(z)
    kept = np.maximum(z, 0)
    raw = [1 - entropy(row) / np.log(3) if row.any() else 0 for row in kept]
    assert labels[[0, 2, 4]].tolist() == [0, 1, 0]
    assert certainty.tolist() == pytest.approx(list(np.array(raw) / max(raw)), abs=1e-9)
    assert certainty[3].item() == 0


def test_certainties_are_zero_and_finite_if_no_image_is_reached() -> None:
    assert propagated_labels(np.zeros((3, 2)))[1].tolist() == [0, 0, 0]
    assert propagated_labels(np.ones((3, 2)))[1].tolist() == pytest.approx([0, 0, 0])


def test_all_classes_weigh_the_same_and_an_empty_one_zero() -> None:
    weights = class_weights(torch.tensor([0, 0, 0, 1, 1, 3]), 4)
    assert weights.tolist() == pytest.approx([6 / 12, 6 / 8, 0, 6 / 4])


# The whole method with features as logits and two classes; rows 0 and 1 are labelled.

FEATURES = torch.from_numpy(np.abs(cloud(20, 2, seed=4))).float()
LABELS = [0, 1]


def make(**values: object) -> LabelPropagation:
    parameters = LabelPropagationParameters(**values)  # pyright: ignore[reportArgumentType]
    return LabelPropagation(identity_model(), parameters, Problem(2, 20, num_labelled=2, epochs=10))


def pool(model: Classifier, rows: Tensor) -> TrainingPool:
    return TrainingPool(
        probabilities, model, lambda rows: [FEATURES[rows]], rows, torch.tensor([0, 1]), torch.tensor(LABELS)
    )


def expected_set(rows: list[int], k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels, certainties and class weights by scikit-learn, numpy and scipy."""
    z = np.maximum(spread(full_graph(FEATURES[rows].numpy(), k), np.eye(len(rows), 2), 0.99), 0)
    certainty = np.array([1 - entropy(row) / np.log(2) if row.any() else 0 for row in z])
    labels = z.argmax(1)
    labels[:2] = LABELS
    counts = np.bincount(labels, minlength=2)
    return labels, certainty / certainty.max(), len(rows) / (2 * counts)


@pytest.mark.parametrize("streamed", [list(range(20)), list(range(2, 20)), [0, 1, 3, 5, 7, 9, 11, 13, 17, 19]])
def test_the_second_stage_propagates_over_labelled_and_pool_images(streamed: list[int]) -> None:
    """Labelled images are in the graph and never in the set, whether they are in the pool or not.

    In the last case no label reaches a part of the graph.
    """
    made = make(neighbours=4, iterations=200)
    made.start_round(5, pool(made.model, torch.tensor(streamed)))
    rows = sorted({0, 1, *streamed})
    labels, certainty, weights = expected_set(rows, 4)
    found = made.pseudo
    assert found.certainty[:2].tolist() == [0, 0]
    assert found.certainty[rows[2:]].tolist() == pytest.approx(certainty[2:].tolist(), abs=1e-4)
    assert found.labels[rows[2:]].tolist() == labels[2:].tolist()
    assert found.selected.item() == (certainty[2:] > 0).sum() > 0
    assert made.class_weights.tolist() == pytest.approx(weights.tolist(), abs=1e-5)


def test_half_of_the_run_uses_the_labels_alone() -> None:
    made = make(neighbours=4)
    assert made.rounds == 10
    for number in range(6):
        assert made.pseudo.selected.item() == 0
        made.start_round(number, pool(made.model, torch.arange(20)))
    assert made.pseudo.selected.item() == 18


def test_a_run_shorter_than_an_epoch_has_both_stages() -> None:
    made = LabelPropagation(identity_model(), LabelPropagationParameters(), Problem(2, 20, 2, epochs=0.3))
    assert made.rounds == 2
    made.start_round(1, pool(made.model, torch.arange(20)))
    assert made.pseudo.selected.item() == 18


LABELLED = torch.tensor([[1.0, 0], [0.5, 2]])


def surprise(logits: Tensor, labels: list[int]) -> np.ndarray:
    """Cross-entropy of each row, by numpy in float64."""
    z = logits.numpy().astype(np.float64)
    return np.log(np.exp(z).sum(1)) - z[range(len(z)), labels]


def test_in_the_first_stage_the_loss_is_the_supervised_loss() -> None:
    terms, kept = make()(batch(LABELLED, LABELS, [FEATURES[:6], FEATURES[:6]]))
    assert terms["supervised"].item() == pytest.approx(surprise(LABELLED, LABELS).mean(), abs=1e-6)
    assert terms["unlabelled"].item() == 0
    assert set(terms) == {"supervised", "unlabelled"}
    assert kept is not None
    assert not kept.any()


def test_in_the_second_stage_images_are_weighted_by_certainty_and_class() -> None:
    """The sum over all eight images of the batch is divided by eight, as in the authors' code; row 1 has a label."""
    made = make(neighbours=4, iterations=200)
    made.start_round(5, pool(made.model, torch.arange(20)))
    labels, certainty, weights = expected_set(list(range(20)), 4)
    rows, views = [1, 3, 8, 8, 15, 19], FEATURES[:6].flip(1)
    terms, kept = made(batch(LABELLED, LABELS, [views, views], rows))
    own = surprise(views, labels[rows].tolist()) * certainty[rows] * weights[labels[rows]]
    own[0] = 0
    assert terms["unlabelled"].item() == pytest.approx(own.sum() / 8, abs=1e-4)
    theirs = surprise(LABELLED, LABELS) * weights
    assert terms["supervised"].item() == pytest.approx(theirs.sum() / 8, abs=1e-5)
    assert kept is not None
    assert kept.tolist() == [False, True, True, True, True, True]


@pytest.mark.parametrize(("progress", "ramp"), [(0.0, 0.0067379), (0.014, 1.0), (1.0, 1.0)])
def test_the_consistency_with_the_mean_teacher_is_added_in_both_stages(progress: float, ramp: float) -> None:
    """(0.7, 0.3) and (0.5, 0.5) give 0.04; the teacher sees the other view."""
    made = make(teacher=True)
    views = torch.tensor([[np.log(0.7), np.log(0.3)]] * 3, dtype=torch.float32)
    terms, _ = made(batch(LABELLED, LABELS, [views, torch.ones(3, 2)], progress=progress))
    assert terms["consistency"].item() == pytest.approx(100 * ramp * 0.04, abs=1e-4)


def test_the_teacher_is_updated_and_its_features_give_the_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make(teacher=True, neighbours=4, decay=0.5)
    assert made.teacher is not None
    head = made.model.head.weight
    assert isinstance(head, Tensor)
    head.data.zero_()
    made.after_step()
    shadow = made.teacher.shadow.head.weight
    assert isinstance(shadow, Tensor)
    assert shadow.diagonal().tolist() == pytest.approx([0.1, 0.1])  # the decay of the first step is 1 / 10
    asked: list[Classifier] = []
    features = TrainingPool.features

    def noted(self: TrainingPool, model: Classifier, rows: Tensor) -> Tensor:
        asked.append(model)
        return features(self, model, rows)

    monkeypatch.setattr(TrainingPool, "features", noted)
    made.start_round(5, pool(made.model, torch.arange(20)))
    assert asked == [made.teacher.shadow]
