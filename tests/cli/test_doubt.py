"""``fewlabels doubt``: given labels that may be wrong."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from tests.cli.conftest import FAST, NAMES, Call, write_digits

from fewlabels.options import TrainOptions
from fewlabels.review.doubted_run import with_its_network


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All training labels are given; that of the fifth image is wrong, and so is that of a copy of the third."""
    folder = write_digits(tmp_path_factory.mktemp("data") / "digits", labelled=36)
    darker = Image.open(folder / "images/002.png").point(lambda value: 0.9 * value)  # the same bytes would be refused
    darker.save(folder / "images/copy.png")
    rows = list(csv.DictReader((folder / "labels.csv").open()))
    rows[4]["label"] = next(name for name in NAMES if name != rows[4]["label"])
    rows.append({"path": "images/copy.png", "label": next(n for n in NAMES if n != rows[2]["label"]), "split": "train"})
    rows.append(rows[0] | {"path": "images/unlabelled.png", "label": ""})
    shutil.copy(folder / "images/000.png", folder / "images/unlabelled.png")
    with (folder / "labels.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


def test_wrong_labels_and_copies_come_first(call: Call, mistaken: Path, tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "doubt.csv"
    assert call("train", mistaken, "--method", "supervised", "--out", run, *FAST).code == 0
    answer = call("doubt", run, "--out", out)
    assert answer.out.startswith(f"{out}: ")
    assert "of 37 given labels may be wrong" in answer.out
    rows = list(csv.DictReader(out.open()))
    by_path = {row["path"]: row for row in rows}
    assert {row["path"] for row in rows[:2]} == {"images/002.png", "images/copy.png"}
    assert by_path["images/copy.png"]["reason"] == "looks the same as images/002.png"
    assert by_path["images/copy.png"]["suggested"] == by_path["images/002.png"]["given"]
    assert rows[2]["path"] == "images/004.png"
    assert rows[2]["reason"] == "the other labels contradict it"
    assert 0.5 < float(rows[2]["score"]) <= 1
    assert "images/unlabelled.png" not in by_path


def test_labels_of_a_run_with_boxes_are_checked_too(call: Call, mistaken: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert call("train", mistaken, "--task", "localize", "--method", "cam", "--out", run, *FAST).code == 0
    assert "looks the same as images/002.png" in call("doubt", run).out
    assert len(call("next", run, "--count", 1).out.splitlines()) == 2


def test_a_network_that_was_kept_fixed_gives_the_features() -> None:
    names = ("backbone", "weights", "image_size", "precision")
    run = TrainOptions(method="fixmatch", backbone="resnet18", weights="imagenet", image_size=96, precision="fp32")
    fixed, trained = (with_its_network(replace(run, freeze=freeze)) for freeze in (True, False))
    assert [getattr(fixed, name) for name in names] == ["resnet18", "imagenet", 96, "fp32"]
    assert [getattr(trained, name) for name in names] == [None] * 4
    boxes = with_its_network(replace(run, freeze=True, task="localize"))
    assert (boxes.backbone, boxes.image_size) == (None, None)


def test_wrong_input(call: Call, trained: Path, unfinished: Path, tmp_path: Path) -> None:
    assert "is not finished" in call("doubt", unfinished).error
    assert "missing: RUN" in call("doubt").error
    few = write_digits(tmp_path / "few", labelled=3)
    labels = few / "labels.csv"
    lines = [line for n, line in enumerate(labels.read_text().splitlines()) if n == 0 or n > 3]
    labels.write_text(
        "\n".join(
            [lines[0], "images/000.png,zero,train", "images/001.png,one,train", "images/002.png,two,train", *lines[1:]]
        )
        + "\n"
    )
    assert call("train", few, "--method", "supervised", "--out", tmp_path / "run", *FAST).code == 0
    assert call("doubt", tmp_path / "run").error == (
        f"{tmp_path / 'run'}: doubt compares labels of the same class, and needs two of at least two classes; label "
        "more and train again"
    )
