"""Heads on cached features are cross-fitted, weighed against evidence, and the choice is estimated by outer folds."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import log_softmax
from sklearn.datasets import load_digits

from fewlabels.auto import evidence
from fewlabels.auto.choice import Choice, Trial
from fewlabels.auto.cross_fitting import log_loss_at_best_temperature
from fewlabels.auto.heads import HEADS, PRIOR, Given, PoolFeatures, best_trial, choose_head, outer_estimate, try_heads
from fewlabels.evaluation.folds import stratified_folds


@pytest.fixture(scope="module")
def digits() -> tuple[PoolFeatures, np.ndarray]:
    """600 digits, whose pixels are the features, and their classes."""
    data = load_digits()
    return PoolFeatures(torch.from_numpy(data.data[:600]).float(), 10), data.target[:600]


def given(labels: np.ndarray, per_class: int) -> Given:
    rows = np.sort(np.concatenate([np.flatnonzero(labels == k)[:per_class] for k in range(10)]))
    return Given(rows, labels[rows])


@pytest.mark.parametrize("scale", [0.01, 1.0, 20.0])
def test_the_best_temperature_makes_the_scale_of_logits_irrelevant(scale: float) -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 200)
    logits = rng.normal(size=(200, 3)) + 2 * np.eye(3)[labels]
    expected = min(
        -log_softmax(logits / t, axis=1)[np.arange(200), labels].mean() for t in np.geomspace(0.05, 20, 4001)
    )
    assert log_loss_at_best_temperature(scale * logits, labels) == pytest.approx(expected, abs=1e-4)


def test_folds_hold_every_label_out_once_but_the_only_one_of_a_class() -> None:
    labels = np.array([0] * 7 + [1] * 3 + [2])
    folds = stratified_folds(labels, 5, seed=0)
    held = np.concatenate([held for _, held in folds])
    assert sorted(held.tolist()) == list(range(10))
    for fit, out in folds:
        assert 10 in fit
        assert not set(fit) & set(out)
    assert stratified_folds(np.array([0, 0, 1]), 5, seed=0) == []


def test_cross_fitting_does_not_see_the_label_it_predicts(digits: tuple[PoolFeatures, np.ndarray]) -> None:
    """With labels at random nothing can be predicted; a fit that saw them would be right."""
    pool, labels = digits
    some = given(labels, 8)
    noise = Given(some.rows, np.random.default_rng(0).permutation(some.labels))
    for trial in try_heads(pool, noise, 5, seed=0):
        assert trial.accuracy is not None
        assert trial.accuracy < 0.3


def test_the_estimate_of_the_outer_folds_is_near_the_accuracy(digits: tuple[PoolFeatures, np.ndarray]) -> None:
    pool, labels = digits
    some = given(labels, 6)
    choice = choose_head(pool, some, seed=0)
    head = next(head for head in HEADS if (head.method, head.parameters) == (choice.method, choice.parameters))
    rest = np.setdiff1d(np.arange(600), some.rows)
    accuracy = (head.logits(pool, some, rest).argmax(1) == labels[rest]).mean()
    assert accuracy > 0.8
    assert choice.estimate is not None
    assert choice.estimate["num_images"] == 60
    assert choice.estimate["accuracy_low"] - 0.05 < accuracy < choice.estimate["accuracy_high"] + 0.05


def test_the_same_seed_gives_the_same_choice(digits: tuple[PoolFeatures, np.ndarray]) -> None:
    pool, labels = digits
    first, second = (choose_head(pool, given(labels, 3), seed=1).to_dict() for _ in range(2))
    assert json.dumps(first) == json.dumps(second)
    assert Choice.from_dict(json.loads(json.dumps(first))).to_dict() == first


def trial(method: str, log_loss: float | None, expected: float) -> Trial:
    return Trial(method, {}, 0.5, log_loss, expected)


def test_evidence_decides_with_few_labels_and_cross_fitting_with_many() -> None:
    trials = [trial("a", 1.0, 0.0), trial("b", 1.3, -0.2)]
    assert best_trial(trials, 10).method == "b"
    assert best_trial(trials, 10 * PRIOR).method == "a"


def test_the_weight_is_half_at_the_prior() -> None:
    near, far = [trial("a", 1.0, 0.0), trial("b", 1.2, -0.21)], [trial("a", 1.0, 0.0), trial("b", 1.2, -0.19)]
    assert best_trial(near, PRIOR).method == "b"
    assert best_trial(far, PRIOR).method == "a"


def test_single_labels_leave_the_choice_to_the_evidence(
    digits: tuple[PoolFeatures, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "fewlabels.auto.heads.expected_log_loss", lambda method, *_: -1.0 if method == "graph-probe" else 0.0
    )
    pool, labels = digits
    some = given(labels, 1)
    choice = choose_head(pool, some, seed=0)
    assert choice.method == "graph-probe"
    assert "too few labels" in choice.reason
    assert outer_estimate(pool, some, seed=0) is None


def test_evidence_is_interpolated_in_the_logarithm_of_the_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = {"labels_per_class": [2, 8], "log_loss": {"graph-probe shares=free": [-0.4, -0.2]}}
    monkeypatch.setattr(evidence, "_table", lambda: {"heads": table})
    expected: Callable[[float], float] = lambda n: evidence.expected_log_loss("graph-probe", {"shares": "free"}, n)  # noqa: E731
    assert expected(4) == pytest.approx(-0.3)
    assert expected(1) == pytest.approx(-0.4)
    assert expected(100) == pytest.approx(-0.2)
    assert evidence.expected_log_loss("linear-probe", {}, 4) == 0.0


def test_the_packages_table_names_methods_that_exist() -> None:
    from fewlabels.methods.catalogue import check_parameters

    for task in ("classify", "multilabel", "localize"):
        for small in (True, False):
            choice = evidence.trained_choice(task, small)
            check_parameters(choice.method, choice.parameters, task)
            assert choice.reason
