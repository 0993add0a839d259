"""``fewlabels next``: the images to label next, of a run and of a folder without labels."""

import csv
import json
from pathlib import Path

import pytest
from tests.cli.conftest import Call


def paths(text: str) -> list[str]:
    """The chosen images; every label is left to the person."""
    rows = list(csv.DictReader(text.splitlines()))
    assert all(row["label"] == "" for row in rows)
    return [row["path"] for row in rows]


def test_images_of_a_run_are_chosen_among_those_without_a_label(call: Call, trained: Path) -> None:
    found = paths(call("next", trained, "--count", 10).out)
    ledger = {row["path"]: row for row in csv.DictReader((trained / "labels.csv").open())}
    assert len(set(found)) == 10
    assert all((ledger[path]["split"], ledger[path]["given"]) == ("train", "") for path in found)
    assert paths(call("next", trained, "--count", 4).out) == found[:4]  # the most valuable first


def test_a_folder_without_labels_gives_images_to_begin_with(call: Call, own_digits: Path, tmp_path: Path) -> None:
    (own_digits / "labels.csv").unlink()
    out = tmp_path / "next.csv"
    answer = call("next", own_digits / "images", "--count", 6, "--device", "cpu", "--out", out)
    assert answer.out == f"{out}: 6 images to label\n"
    assert len(set(paths(out.read_text()))) == 6


def test_the_file_is_a_labels_file_to_fill_in(call: Call, own_digits: Path, tmp_path: Path) -> None:
    file = tmp_path / "next.csv"
    call("next", own_digits, "--count", 6, "--device", "cpu", "--out", file)
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], *(f"{line}{'zero' if n % 2 else 'one'}" for n, line in enumerate(lines[1:]))]))
    answer = call("check", own_digits, "--labels", file)
    assert answer.code == 0
    assert "6 labelled" in answer.out


def test_label_studio_gets_tasks_without_a_prediction(call: Call, trained: Path) -> None:
    tasks = json.loads(call("next", trained, "--count", 3, "--format", "label-studio").out)
    assert [list(task) for task in tasks] == [["data"]] * 3
    assert all(task["data"]["image"].startswith("/data/local-files/?d=digits/images/") for task in tasks)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--count", 0), "--count must be from 1 to 5000, and this is 0"),
        (("--count", 25), "--count 25: {run} has 24 training images without a label; give a smaller number"),
        (("--task", "classify"), "{run} is a run, which has its task and its images; leave out --task, --skip-bad"),
        (("--format", "coco"), "--format can't be 'coco'; "),
    ],
)
def test_wrong_input_of_a_run(call: Call, trained: Path, words: tuple[object, ...], message: str) -> None:
    assert call("next", trained, *words).error.startswith(message.format(run=trained))


def test_wrong_input_of_a_folder(call: Call, own_digits: Path, unfinished: Path) -> None:
    labels = own_digits / "labels.csv"
    labels.write_text("\n".join(line for line in labels.read_text().splitlines() if ",,train" not in line) + "\n")
    for path in own_digits.glob("images/*.png"):
        if path.name not in labels.read_text():
            path.unlink()
    error = call("next", own_digits, "--device", "cpu").error
    assert error == f"--count 50: {own_digits} has no training image without a label; add images without one"
    assert "--data is for a run" in call("next", own_digits, "--data", own_digits).error
    assert "is not finished" in call("next", unfinished).error
