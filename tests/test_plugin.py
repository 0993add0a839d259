"""A task, a method and a reader in another package are all that a fourth task needs."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from fewlabels.cli.main import main
from fewlabels.errors import UserError
from fewlabels.tasks.task import load_task

PLUGIN = Path(__file__).with_name("plugin")
Call = Callable[..., str]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """Run a command in this process, with the other package installed."""
    monkeypatch.syspath_prepend(str(PLUGIN))

    def run(*words: object) -> str:
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        assert code == 0, captured.err
        return captured.out

    yield run
    for name in [name for name in sys.modules if name.startswith("fewlabels_regress")]:
        del sys.modules[name]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Digits with their mean brightness from 0 to 1; half of the training images have it in the CSV."""
    folder = tmp_path / "images"
    folder.mkdir()
    pixels = (load_digits().data.reshape(-1, 8, 8)[:120] * 255 / 16).round().astype(np.uint8)
    rows = []
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:03d}.png")
        test = number >= 80
        value = f"{image.mean() / 255:.4f}" if test or number % 2 else ""
        rows.append((f"{number:03d}.png", value, "test" if test else "train"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "value", "split"), *rows])
    return folder


def test_a_task_of_another_package_trains_predicts_labels_and_reports(images: Path, tmp_path: Path, call: Call) -> None:
    run = tmp_path / "run"
    words = ("--task", "regress", "--method", "consistent-regression", "--method.weight", "0.2", "--out", run)
    machine = ("--device", "cpu", "--threads", "1", "--precision", "fp32", "--layout", "contiguous")
    call("train", images, *words, "--steps", "60", "--backbone", "cnn3", *machine)
    figures = json.loads((run / "metrics.json").read_text())
    assert figures["test"]["num_images"] == 40
    truth = np.array([float(row["value"]) for row in csv.DictReader((images / "labels.csv").open()) if row["value"]])
    assert figures["test"]["rmse"] < np.sqrt((truth**2).mean()), "no better than predicting 0"

    predicted = list(csv.DictReader(io.StringIO(call("predict", run, images, "--device", "cpu"))))
    ledger = {row["path"]: row for row in csv.DictReader((run / "labels.csv").open())}
    assert len(predicted) == 120
    for row in predicted:
        if not ledger[row["path"]]["given"]:
            assert float(row["value"]) == pytest.approx(float(ledger[row["path"]]["label"]), abs=1e-4)

    evaluated = dict(line.split() for line in call("evaluate", run, images, "--split", "test").splitlines())
    assert float(evaluated["rmse"]) == pytest.approx(figures["test"]["rmse"], abs=1e-4)

    found = list(csv.DictReader(io.StringIO(call("label", run))))
    assert len(found) == 40

    call("report", run)
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "Root mean squared error" in page
    assert "Consistent regression" in page


def test_the_other_package_is_listed_and_described(call: Call) -> None:
    assert "consistent-regression" in call("methods")
    assert "--method.weight" in call("methods", "consistent-regression")


def test_its_method_is_enough_to_choose_the_task(images: Path, tmp_path: Path, call: Call) -> None:
    call(
        "train", images, "--method", "consistent-regression", "--steps", "2", "--backbone", "cnn3", "--device", "cpu",
        "--precision", "fp32", "--layout", "contiguous", "--threads", "1", "--out", tmp_path / "run",
    )  # fmt: skip
    assert "task: regress" in (tmp_path / "run" / "config.yaml").read_text()


def test_bad_numbers_are_reported_with_their_row(images: Path, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    text = (images / "labels.csv").read_text().replace("001.png,", "001.png,much", 1)
    (images / "labels.csv").write_text(text)
    assert main(["check", str(images), "--task", "regress"]) == 2
    shown = "".join(capsys.readouterr())
    assert "row 3" in shown
    assert "is not a number" in shown


def test_an_incomplete_task_is_refused(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    call("methods")
    regress = load_task("regress")
    monkeypatch.delattr(type(regress), "face")
    with pytest.raises(UserError, match="the task 'regress' of another package has no face"):
        load_task("regress")
