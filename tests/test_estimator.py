"""The scikit-learn classifier: arrays in, -1 is unlabelled."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score

import fewlabels
from fewlabels import FewLabelsClassifier, UserError

MACHINE: dict[str, Any] = {"threads": 1, "device": "cpu", "precision": "fp32", "layout": "channels_last"}
QUICK: dict[str, Any] = {"method": "fixmatch", "steps": 6, "batch_size": 4, "parameters": {"mu": 2}, **MACHINE}


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 zeros, ones and twos as (N, 8, 8) uint8, their labels, and the labels with most of them hidden."""
    pixels, truth = load_digits(return_X_y=True)
    rows = np.flatnonzero(truth < 3)[:60]
    X, truth = (pixels[rows].reshape(-1, 8, 8) * 15).astype(np.uint8), truth[rows]
    y = truth.copy()
    y[12:] = -1
    return X, truth, y


@pytest.fixture(scope="module")
def fitted(digits: tuple[np.ndarray, np.ndarray, np.ndarray]) -> FewLabelsClassifier:
    X, _, y = digits
    return FewLabelsClassifier(**QUICK).fit(X, y)


def test_probabilities_sum_to_one_and_predict_takes_the_largest(fitted: FewLabelsClassifier, digits: Any) -> None:
    X = digits[0]
    found = fitted.predict_proba(X)
    assert found.shape == (60, 3)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert np.array_equal(fitted.predict(X), found.argmax(1))


def test_score_is_the_accuracy(fitted: FewLabelsClassifier, digits: Any) -> None:
    X, truth, _ = digits
    assert fitted.score(X, truth) == accuracy_score(truth, fitted.predict(X))


def test_transduction_keeps_the_given_labels_and_fills_in_the_models(fitted: FewLabelsClassifier, digits: Any) -> None:
    X, _, y = digits
    given = y != -1
    assert np.array_equal(fitted.transduction_[given], y[given])
    assert np.array_equal(fitted.transduction_[~given], fitted.predict(X)[~given])
    own = fitted.predict_proba(X)[np.arange(60), fitted.transduction_]
    np.testing.assert_allclose(fitted.confidence_, own, atol=2e-6)


def test_it_learns_to_read(digits: Any) -> None:
    X, truth, y = digits
    model = FewLabelsClassifier(method="supervised", steps=60, batch_size=12, **MACHINE).fit(X, y)
    assert model.score(X[12:], truth[12:]) > 0.8  # three classes: 0.33 by chance


def test_the_same_seed_gives_the_same_model_and_another_seed_another(fitted: FewLabelsClassifier, digits: Any) -> None:
    X, _, y = digits
    assert np.array_equal(clone(fitted).fit(X, y).predict_proba(X), fitted.predict_proba(X))
    other = clone(fitted).set_params(seed=1).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), fitted.predict_proba(X))


def test_it_is_an_estimator_as_scikit_learn_knows_them() -> None:
    model = FewLabelsClassifier(**QUICK)
    assert is_classifier(model)
    again = clone(model)
    assert again is not model
    assert again.get_params() == model.get_params()
    assert model.set_params(steps=9).get_params()["steps"] == 9
    with pytest.raises(NotFittedError):
        model.predict(np.zeros((1, 8, 8), np.uint8))


@pytest.mark.parametrize("mark", [-1, None])
def test_classes_may_be_words(fitted: FewLabelsClassifier, digits: Any, mark: object) -> None:
    X, _, y = digits
    names = np.array(["a", "b", "c"])
    words = [mark if k == -1 else str(names[k]) for k in y]
    model = clone(fitted).fit(X, words)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert np.array_equal(model.predict_proba(X), fitted.predict_proba(X))
    assert np.array_equal(model.transduction_, names[fitted.transduction_])


def test_classes_may_be_any_numbers(fitted: FewLabelsClassifier, digits: Any) -> None:
    X, _, y = digits
    values = np.array([-7, 3, 1000])
    model = clone(fitted).fit(X, np.where(y == -1, -1, values[y]))
    assert model.classes_.tolist() == [-7, 3, 1000]
    assert np.array_equal(model.predict(X), values[fitted.predict(X)])


def test_out_keeps_the_run_and_nothing_else_is_left(digits: Any, tmp_path: Path, monkeypatch: Any) -> None:
    X, _, y = digits
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = FewLabelsClassifier(**QUICK, out=str(tmp_path / "run")).fit(X, y)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert {"config.yaml", "labels.csv", "report.html"} <= {entry.name for entry in (tmp_path / "run").iterdir()}
    with pytest.raises(UserError, match="exists"):
        model.fit(X, y)


def test_colour_images_are_taken_as_they_are(digits: Any) -> None:
    X, _, y = digits
    colour = np.stack([X, X // 2, 255 - X], axis=-1)
    model = FewLabelsClassifier(**QUICK).fit(colour, y)
    assert model.image_shape_ == (8, 8, 3)
    assert model.n_features_in_ == 192
    with pytest.raises(UserError, match="fit saw"):
        model.predict(X)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda X, y: (X / 255, y), "astype"),
        (lambda X, y: (X.reshape(60, 64), y), "reshape"),
        (lambda X, y: (np.stack([X, X, X], axis=1), y), "transpose"),
        (lambda X, y: (X, y[:50]), "60 images"),
        (lambda X, y: (X[:0], y[:0]), "no pixel"),
        (lambda X, y: (X, np.where(y == -1, 0, y)), "supervised"),
        (lambda X, y: (X, np.full(60, -1)), "two classes"),
        (lambda X, y: (X, np.where(y > 0, -1, y)), "two classes"),
        (lambda X, y: (X, np.array([-1, *["a", "b"] * 29, "a"])), "dtype=object"),
        (lambda X, y: (X, np.where(y == -1, np.nan, y)), "whole"),
        (lambda X, y: (X, ["a", *y[1:].tolist()]), "one kind"),
    ],
)
def test_wrong_arrays_are_refused_with_the_way_to_mend_them(digits: Any, change: Any, words: str) -> None:
    X, _, y = digits
    with pytest.raises(UserError, match=words):
        FewLabelsClassifier(**QUICK).fit(*change(X, y))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "fixmtach"}, "did you mean 'fixmatch'"),
        ({"parameters": {"treshold": 1}}, "did you mean 'threshold'"),
        ({"flip": "sideways"}, "flip"),
        ({"steps": "many"}, "whole number"),
    ],
)
def test_wrong_arguments_are_refused_when_fitting(digits: Any, arguments: Any, words: str) -> None:
    X, _, y = digits
    with pytest.raises(UserError, match=words):
        FewLabelsClassifier(**{**QUICK, **arguments}).fit(X, y)


def test_the_package_offers_its_names_without_importing_torch() -> None:
    code = "import sys, fewlabels; dir(fewlabels); fewlabels.TrainOptions; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
    for name in fewlabels.__all__:
        assert callable(getattr(fewlabels, name))
    with pytest.raises(AttributeError, match="nothing"):
        _ = fewlabels.nothing


def test_the_default_method_is_chosen_for_the_data(digits: Any) -> None:
    X, _, y = digits
    model = FewLabelsClassifier(steps=4, batch_size=4, **MACHINE)
    assert model.method == "auto"
    assert set(model.fit(X, y).predict(X)) <= {0, 1, 2}
