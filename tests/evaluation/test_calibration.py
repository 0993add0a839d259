"""Temperature scaling: the fit against its stationarity condition, and what a run makes of it."""

import json
from csv import DictReader
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from tests.tiny import Case, case_options, tiny_dataset, write_pretrained, write_tiny

from fewlabels.data.dataset import TEST, Dataset
from fewlabels.evaluation.calibration import fit_mark_temperature, fit_temperature
from fewlabels.methods.classify.linear_probe import LinearProbe
from fewlabels.run.inputs import model_answers
from fewlabels.run.saved_model import load_model
from fewlabels.run.train import train
from fewlabels.tasks import classify
from fewlabels.tasks.task import load_task


def drawn(temperature: float, images: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels that have the probabilities softmax(logits / temperature)."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (images, 5))
    chances = softmax(logits / temperature, axis=1).cumsum(1)
    return logits, (random.random((images, 1)) > chances).sum(1)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_of_the_data_is_found(temperature: float) -> None:
    assert fit_temperature(*drawn(temperature))[0] == pytest.approx(temperature, rel=0.04)


def test_the_expected_logit_is_that_of_the_labels() -> None:
    """The derivative of the log-loss by 1 / T is zero where the mean of sum_k p_k l_k is the mean of l_y."""
    logits, labels = drawn(1.7, images=300)
    p = softmax(logits / fit_temperature(logits, labels)[0], axis=1)
    assert (p * logits).sum(1).mean() == pytest.approx(logits[np.arange(300), labels].mean(), abs=1e-3)


def test_unknown_marks_do_not_count() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (200, 3))
    marks = np.random.default_rng(1).choice([-1, 0, 1], (200, 3))
    known, p = marks != 0, expit(logits / fit_mark_temperature(logits, marks)[0])
    present = logits[marks == 1].sum() / known.sum()
    assert (p * logits)[known].mean() == pytest.approx(present, abs=1e-3)
    logits[~known] = 50
    again = expit(logits / fit_mark_temperature(logits, marks)[0])
    np.testing.assert_allclose(again[known], p[known], atol=1e-3)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(write_pretrained(tmp_path_factory.mktemp("data")))


def run(root: Path, case: Case, name: str, dataset: Dataset | None = None, **changes: object) -> Path:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "num_labels": 18}
    if case.task == "multilabel":
        own["num_labels"] = None
    options = case_options(root, case, root / name, **(own | changes))
    return train(options, say=lambda _: None, dataset=dataset or tiny_dataset(case.task))


def calibration(out: Path) -> dict[str, object]:
    return json.loads((out / "metrics.json").read_text())["calibration"]


PROBES = [
    Case("classify", "linear-probe"), Case("classify", "graph-probe"), Case("multilabel", "linear-probe"),
    Case("localize", "map-probe"),
]  # fmt: skip


@pytest.mark.parametrize("case", PROBES, ids=str)
def test_probes_are_calibrated_on_labels_that_the_head_had_not_seen(root: Path, case: Case) -> None:
    out = run(root, case, str(case))
    found = calibration(out)
    assert found["source"] == "held-out labels"
    assert found["temperature"] != 1
    assert json.loads((out / "model.json").read_text())["temperature"] == found["temperature"]
    assert load_model(out, torch.device("cpu")).model.temperature == found["temperature"]
    assert "calibrated with temperature" in (out / "report.html").read_text()


def test_accepted_labels_are_those_of_the_uncalibrated_confidence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LinearProbe, "accepts", lambda _, probabilities: probabilities.amax(1) >= 0.5)
    case = Case("classify", "linear-probe")
    out = run(root, case, "accepted")
    saved, task = load_model(out, torch.device("cpu")), load_task("classify")
    dataset = task.read(case_options(root, case, out))
    rows = torch.arange(len(dataset))
    both = []
    for temperature in (saved.model.temperature, 1.0):
        saved.model.temperature = temperature
        answers = model_answers(task, saved, dataset, torch.device("cpu"), rows)
        both.append(answers.probabilities.amax(1).tolist())
    with (out / "labels.csv").open() as file:
        found = [(row, *sure) for row, *sure in zip(DictReader(file), *both, strict=True) if not row["given"]]
    assert all(float(row["confidence"]) == pytest.approx(calibrated, abs=1e-4) for row, calibrated, _ in found)
    assert [int(row["accepted"]) for row, _, _ in found] == [int(raw >= 0.5) for _, _, raw in found]
    assert any(calibrated >= 0.5 > raw for _, calibrated, raw in found)


def test_the_raw_confidence_is_recovered() -> None:
    logits = torch.randn(50, 4, dtype=torch.float64)
    calibrated = (logits / 0.3).softmax(1)
    torch.testing.assert_close(load_task("classify").uncalibrated(calibrated, 0.3), logits.softmax(1))
    marks = (logits / 0.3).sigmoid()
    torch.testing.assert_close(load_task("multilabel").uncalibrated(marks, 0.3), logits.sigmoid())


def test_networks_that_are_trained_need_validation_images(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Case("classify", "supervised")
    assert calibration(run(root, case, "raw")) == {"temperature": 1.0, "source": "nothing", "num_images": 0}
    assert "not calibrated" in (root / "raw" / "report.html").read_text()
    monkeypatch.setattr(classify, "LEAST_VALIDATION", 5)
    found = calibration(run(root, case, "validated", val_fraction=0.3))
    assert (found["source"], found["num_images"]) == ("validation images", 6)


def test_test_labels_have_no_influence(root: Path) -> None:
    case = Case("classify", "linear-probe")
    options = case_options(root, case, root / "unused")
    dataset = load_task("classify").read(options)
    labels = dataset.labels.copy()
    test = dataset.splits == TEST
    labels[test] = (labels[test] + 1) % 3
    found = [
        calibration(run(root, case, name, dataset=one))
        for name, one in (("true", dataset), ("wrong", replace(dataset, labels=labels)))
    ]
    assert found[0] == found[1]
    assert found[0]["source"] == "held-out labels"
