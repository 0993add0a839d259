"""DMT: weights of labels (docs/papers/baselines.md, worked example DMT), turns of the networks, loss in numpy."""

from math import exp, log
from typing import cast

import numpy as np
import pytest
import torch
from tests.methods.linear import batch
from torch import Tensor, nn

from fewlabels.methods.classify.dmt import Dmt, DmtParameters, mutual_weights, swap_weights
from fewlabels.methods.method import Losses, Problem
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.models.inference import probabilities
from fewlabels.training.pool import TrainingPool


def test_a_label_is_weighted_by_its_probability_under_the_learner() -> None:
    """Agreement with 0.7; the learner more confident; the teacher more confident and the learner at 0.4."""
    q = torch.tensor([[0.7, 0.3], [0.1, 0.9], [0.4, 0.6]], dtype=torch.float64)
    confidence = torch.tensor([0.8, 0.8, 0.8], dtype=torch.float64)
    weights = mutual_weights(q, torch.zeros(3, dtype=torch.int64), confidence, 4.0, 4.0)
    assert weights.tolist() == pytest.approx([0.2401, 0, 0.0256], abs=1e-12)


def test_agreement_and_disagreement_have_separate_powers() -> None:
    """If both are equally confident of different classes, the learner is not more confident."""
    q = torch.tensor([[0.75, 0.25], [0.25, 0.75]], dtype=torch.float64)
    confidence = torch.tensor([0.6, 0.75], dtype=torch.float64)
    weights = mutual_weights(q, torch.zeros(2, dtype=torch.int64), confidence, 2.0, 3.0)
    assert weights.tolist() == pytest.approx([0.75**2, 0.25**3], abs=1e-12)


def test_powers_of_zero_ignore_only_contradicted_labels() -> None:
    q = torch.tensor([[0.7, 0.3], [0.1, 0.9], [0.4, 0.6], [1.0, 0.0]], dtype=torch.float64)
    labels, confidence = torch.tensor([0, 0, 0, 1]), torch.full((4,), 0.8, dtype=torch.float64)
    assert mutual_weights(q, labels, confidence, 0.0, 0.0).tolist() == [1, 0, 1, 0]


# Two linear networks on features: the logits of the first are the features, those of the second are swapped.

FEATURES = torch.from_numpy(np.random.default_rng(5).normal(size=(12, 2))).float()
OTHERS = list(range(2, 12))
SAME, SWAPPED = ((1.0, 0.0), (0.0, 1.0)), ((0.0, 2.0), (2.0, 0.0))


def linear(rows: tuple[tuple[float, float], tuple[float, float]]) -> Classifier:
    head = nn.Linear(2, 2, bias=False)
    head.weight.data = torch.tensor(rows)
    return SingleClassifier(nn.Identity(), head, 2, 2)


def head(model: Classifier) -> list[list[float]]:
    return cast(Tensor, model.head.weight).tolist()


def make(**values: object) -> Dmt:
    parameters = DmtParameters(**values)  # pyright: ignore[reportArgumentType]
    return Dmt(Ensemble([linear(SAME), linear(SWAPPED)]), parameters, Problem(2, 12, num_labelled=2, epochs=10))


def pool(averaged: Classifier) -> TrainingPool:
    return TrainingPool(
        probabilities,
        averaged,
        lambda rows: [FEATURES[rows]],
        torch.arange(12),
        torch.tensor([0, 1]),
        torch.tensor([0, 1]),
    )


def members(method: Dmt) -> list[int]:
    return method.pseudo.member(torch.arange(12)).nonzero()[:, 0].tolist()


def predictions(features: Tensor, rows: tuple[tuple[float, float], tuple[float, float]]) -> np.ndarray:
    """Return the softmax of a network's logits by numpy."""
    z = features.numpy().astype(np.float64) @ np.array(rows).T
    return np.exp(z) / np.exp(z).sum(1, keepdims=True)


@pytest.mark.parametrize(("step", "rounds"), [(0.2, 12), (0.5, 6), (0.3, 10), (1.0, 4)])
def test_each_network_has_one_round_on_the_labels_and_one_per_share(step: float, rounds: int) -> None:
    assert make(step=step).rounds == rounds


def test_weights_and_buffers_are_swapped() -> None:
    first, second = (SingleClassifier(nn.Identity(), nn.BatchNorm1d(2), 2, 2).train() for _ in range(2))
    first(torch.tensor([[1.0, 5], [3, 7]]))  # updates the batch statistics of the first
    before = [{name: part.clone() for name, part in model.state_dict().items()} for model in (first, second)]
    assert not torch.equal(before[0]["head.running_mean"], before[1]["head.running_mean"])
    swap_weights([first, second])
    for model, expected in zip((first, second), before[::-1], strict=True):
        assert all(torch.equal(part, expected[name]) for name, part in model.state_dict().items())


def test_both_are_trained_on_the_labels_first_and_then_on_growing_shares() -> None:
    """By numpy's percentile over the ten images without a label: two, two, four, four, ... and all at the end."""
    method = make()
    averaged = Ensemble([linear(SAME), linear(SWAPPED)])
    learners, sizes = [], []
    for number in range(method.rounds):
        method.start_round(number, pool(averaged))
        learners.append(head(method.model.networks()[0]) == [list(row) for row in SAME])
        sizes.append(len(members(method)))
    assert learners == [True, False] * 6
    assert sizes == [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10]


@pytest.mark.parametrize(("number", "teacher"), [(2, SWAPPED), (3, SAME)])
def test_the_teacher_labels_its_most_confident_images(
    number: int, teacher: tuple[tuple[float, float], tuple[float, float]]
) -> None:
    """By its weight average, which differs from the weights of the networks here."""
    method = make(step=0.4)
    averaged = Ensemble([linear(SAME), linear(SWAPPED)])
    for network in method.model.networks():
        cast(Tensor, network.head.weight).data.zero_()
    for earlier in range(number + 1):
        method.start_round(earlier, pool(averaged))
    p = predictions(FEATURES[OTHERS], teacher)
    sure = p.max(1) >= np.percentile(p.max(1), 60)
    chosen = [row for row, taken in zip(OTHERS, sure, strict=True) if taken]
    assert members(method) == chosen
    assert method.pseudo.labels[chosen].tolist() == p.argmax(1)[sure].tolist()
    assert method.pseudo.certainty[chosen].tolist() == pytest.approx(p.max(1)[sure].tolist(), abs=1e-6)


def step(method: Dmt, views: Tensor, within: float) -> Losses:
    """Return the losses of one batch of the whole pool when this share of the third round is over."""
    labelled = torch.tensor([[1.0, 0], [0.5, 2]])
    progress = (2 + within) / method.rounds
    return method(batch(labelled, [0, 1], [views], progress=progress)._replace(round=2))


def third_round(**values: object) -> Dmt:
    method, averaged = make(step=1.0, **values), Ensemble([linear(SAME), linear(SWAPPED)])
    for number in range(3):
        method.start_round(number, pool(averaged))
    return method


@pytest.mark.parametrize(("within", "ramp"), [(0.0, exp(-5)), (0.5, exp(-1.25)), (1.0, 1.0)])
def test_the_loss_is_the_mean_over_the_union_with_powers_that_ramp_up_in_each_round(within: float, ramp: float) -> None:
    """The views differ from those that the teacher saw, so that all three cases of the weights occur."""
    method = third_round(agreement=4.0, disagreement=2.0)
    views = torch.from_numpy(np.random.default_rng(8).normal(size=(12, 2))).float()
    terms, kept = step(method, views, within)
    taught, p = predictions(FEATURES, SWAPPED), predictions(views, SAME)
    labels, certainty = taught.argmax(1), taught.max(1)
    weights, cases = np.zeros(12), set[str]()
    for row in OTHERS:
        own = p[row, labels[row]]
        if p[row].argmax() == labels[row]:
            cases.add("agrees")
            weights[row] = own ** (4 * ramp)
        elif p[row].max() <= certainty[row]:
            cases.add("doubts")
            weights[row] = own ** (2 * ramp)
        else:
            cases.add("contradicts")
    assert len(cases) == 3
    each = -np.log(p[range(12), labels]) * weights
    assert terms["unlabelled"].item() == pytest.approx(each.sum() / 12, abs=1e-6)
    theirs = log(1 + exp(-1)) + log(1 + exp(-1.5))
    assert terms["supervised"].item() == pytest.approx(theirs / 12, abs=1e-6)
    assert kept is not None
    assert kept.tolist() == (weights > 0).tolist()


def test_a_ramp_of_length_zero_gives_the_full_powers() -> None:
    views = FEATURES.flip(1)
    at_start, at_end = (step(third_round(ramp=ramp), views, within) for ramp, within in ((0.0, 0.0), (1.0, 1.0)))
    assert at_start.terms["unlabelled"].item() == pytest.approx(at_end.terms["unlabelled"].item(), abs=1e-6)


def test_weights_and_teacher_have_no_gradient() -> None:
    """The gradient of the head is the weighted (softmax - one-hot)^T x, and the teacher has none."""
    method = third_round()
    terms, _ = step(method, FEATURES.flip(1), 1.0)
    terms["unlabelled"].backward()
    learner, teacher = (network.head.weight for network in method.model.networks())
    p = predictions(FEATURES.flip(1), SAME)[OTHERS]  # the learner's prediction is the teacher's, with half the logits
    labels = predictions(FEATURES, SWAPPED)[OTHERS].argmax(1)
    weights = p[range(10), labels] ** 4
    expected = ((p - np.eye(2)[labels]) * weights[:, None]).T @ FEATURES.flip(1).numpy()[OTHERS] / 12
    assert isinstance(learner, Tensor)
    assert isinstance(teacher, Tensor)
    assert learner.grad is not None
    np.testing.assert_allclose(learner.grad.numpy(), expected, atol=1e-6)
    assert teacher.grad is None
    assert not teacher.requires_grad
