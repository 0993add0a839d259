"""Labels that a run found, as CSV and in the formats of other programs."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.cli.conftest import FAST, NAMES, Call, state_of
from tests.cli.test_marks import CLASSES, half, stripes
from tests.tiny import stop_after, write_tiny

from fewlabels.cli.main import main

__all__ = ["half", "stripes"]

INK = (8, 16, 40, 24)
"""Where the pictures are dark, in a stored image 64 wide and 32 high: in whole blocks of JPEG, off the middle."""
TURNED = {"a": 6, "b": 1, "c": 3, "d": 8, "e": 5}
"""EXIF orientations, by the beginning of the file's name."""


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def ledger(run: Path) -> list[dict[str, str]]:
    return rows_of((run / "labels.csv").read_text())


def training(run: Path) -> list[dict[str, str]]:
    return [row for row in ledger(run) if row["split"] == "train"]


def parsed(text: str) -> Any:
    """Strictly: JSON knows no NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def edit(run: Path, change: Callable[[dict[str, str]], dict[str, str]]) -> None:
    rows = [row | change(row) for row in ledger(run)]
    with (run / "labels.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs that their camera stored lying, upside down and upright. Not to be changed by a test."""
    folder = tmp_path_factory.mktemp("data") / "my phone"
    lines = ["path,label,split"]
    for number, (letter, orientation) in enumerate([*TURNED.items()] * 4):
        shade = np.random.RandomState(number).randint(150, 255, (32, 64, 3)).astype(np.uint8)
        shade[INK[1] : INK[3], INK[0] : INK[2]] = 0
        path = f"trip/{letter}#{number:02d}.jpg"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(shade).save(folder / path, exif=exif, quality=95)
        lines.append(f"{path},{'' if number == 9 else NAMES[number % 3]},{'test' if number > 14 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="module")
def located(phone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that found boxes, not to be changed by a test."""
    out = tmp_path_factory.mktemp("runs") / "located"
    assert main([str(w) for w in ("train", phone, "--method", "cam", "--task", "localize", "--out", out, *FAST)]) == 0
    return out


def test_the_csv_of_a_run_with_boxes_has_every_training_image(call: Call, located: Path) -> None:
    rows = rows_of(call("label", located).out)
    assert list(rows[0]) == ["path", "given", "label", "confidence", "accepted", "x0", "y0", "x1", "y1"]
    assert rows == [{name: row[name] for name in rows[0]} for row in training(located)]
    assert sum(bool(row["given"]) for row in rows) == 14
    assert len(rows) == 15


def test_coco_has_the_stored_images_the_classes_and_a_scored_box_each(call: Call, located: Path, phone: Path) -> None:
    found = parsed(call("label", located, "--format", "coco").out)
    assert found["categories"] == [{"id": k, "name": name} for k, name in enumerate(sorted(NAMES), 1)]
    rows = training(located)
    assert [image["file_name"] for image in found["images"]] == [row["path"] for row in rows]
    for image in found["images"]:
        with Image.open(phone / image["file_name"]) as stored:
            assert [image["width"], image["height"]] == [*stored.size] == [64, 32]
    name_of = {category["id"]: category["name"] for category in found["categories"]}
    assert [image["id"] for image in found["images"]] == [a["image_id"] for a in found["annotations"]]
    assert len({a["id"] for a in found["annotations"]}) == len(rows)
    for row, a in zip(rows, found["annotations"], strict=True):
        x, y, width, height = a["bbox"]
        corners = [float(row[name]) for name in ("x0", "y0", "x1", "y1")]
        assert [x, y, x + width, y + height] == pytest.approx(corners)
        assert a["area"] == pytest.approx(width * height, abs=1e-3)
        assert (name_of[a["category_id"]], a["score"]) == (row["label"], float(row["confidence"]))
        assert a["iscrowd"] == 0


def test_every_format_encloses_the_same_ink(call: Call, located: Path, phone: Path, tmp_path: Path) -> None:
    """COCO in the file's own grid, Label Studio in what a browser shows."""
    run = shutil.copytree(located, tmp_path / "run")
    edit(run, lambda row: dict(zip(("x0", "y0", "x1", "y1"), map(str, INK), strict=True)))
    files = {image["id"]: image["file_name"] for image in parsed(call("label", run, "--format", "coco").out)["images"]}
    boxes = parsed(call("label", run, "--format", "coco").out)["annotations"]
    tasks = parsed(call("label", run, "--format", "label-studio").out)
    for task, box in zip(tasks, boxes, strict=True):
        with Image.open(phone / files[box["image_id"]]) as image:
            stored, upright = np.asarray(image.convert("L")), np.asarray(ImageOps.exif_transpose(image).convert("L"))
        x, y, width, height = map(int, box["bbox"])
        (result,) = task["predictions"][0]["result"]
        assert (result["original_height"], result["original_width"]) == upright.shape
        value = result["value"]
        left, right = (upright.shape[1] * s / 100 for s in (value["x"], value["x"] + value["width"]))
        top, bottom = (upright.shape[0] * s / 100 for s in (value["y"], value["y"] + value["height"]))
        assert [left, right, top, bottom] == pytest.approx(np.round([left, right, top, bottom]), abs=1e-3)
        inside = upright[round(top) : round(bottom), round(left) : round(right)]
        for pixels, cut in ((stored, stored[y : y + height, x : x + width]), (upright, inside)):
            assert (cut < 100).all()
            assert (cut < 100).sum() == (pixels < 100).sum() == 32 * 8


def test_label_studio_has_a_rectangle_for_each_image_that_it_can_open(call: Call, located: Path, phone: Path) -> None:
    tasks = parsed(call("label", located, "--format", "label-studio").out)
    rows = training(located)
    prefix = "/data/local-files/?d="
    assert {task["data"]["image"][: len(prefix)] for task in tasks} == {prefix}
    served = [task["data"]["image"].removeprefix(prefix) for task in tasks]
    assert not any(mark in path for path in served for mark in "# ?&+")
    assert [phone.parent / unquote(path) for path in served] == [phone / row["path"] for row in rows]
    for task, row in zip(tasks, rows, strict=True):
        assert set(task) == {"data", "predictions"}
        (said,) = task["predictions"]
        assert (said["model_version"], said["score"]) == ("located", float(row["confidence"]))
        (result,) = said["result"]
        assert (result["type"], result["from_name"], result["to_name"]) == ("rectanglelabels", "label", "image")
        value = result["value"]
        assert set(value) == {"x", "y", "width", "height", "rotation", "rectanglelabels"}
        assert value["rectanglelabels"] == [row["label"]]
        assert value["x"] >= 0
        assert value["x"] + value["width"] <= 100 + 1e-3


def test_label_studio_of_classes_is_a_choice_for_each_image_without_a_label(call: Call, trained: Path) -> None:
    tasks = parsed(call("label", trained, "--format", "label-studio").out)
    rows = [row for row in training(trained) if not row["given"]]
    assert len(tasks) == len(rows) == 24
    for task, row in zip(tasks, rows, strict=True):
        assert task["data"]["image"] == f"/data/local-files/?d=digits/{row['path']}"
        (said,) = task["predictions"]
        (result,) = said["result"]
        assert (result["type"], result["value"]) == ("choices", {"choices": [row["label"]]})
        assert said["score"] == float(row["confidence"])


def test_label_studio_of_marks_names_every_class_that_is_present_given_or_found(call: Call, half: Path) -> None:
    tasks = parsed(call("label", half, "--format", "label-studio").out)
    by_image: dict[str, list[dict[str, str]]] = {}
    for row in training(half):
        by_image.setdefault(row["path"], []).append(row)
    wanted = {path: rows for path, rows in by_image.items() if not all(row["given"] for row in rows)}
    assert [task["data"]["image"].removeprefix("/data/local-files/?d=stripes/") for task in tasks] == [*wanted]
    for task, rows in zip(tasks, wanted.values(), strict=True):
        (said,) = task["predictions"]
        present = [name for name, row in zip(CLASSES, rows, strict=True) if row["label"] == "1"]
        assert [result["value"] for result in said["result"]] == ([{"choices": present}] if present else [])
        assert said["score"] == min(float(row["confidence"]) for row in rows if not row["given"])


def test_a_folder_per_class_holds_copies_and_the_images_stay(
    call: Call, trained: Path, digits: Path, tmp_path: Path
) -> None:
    before, out = state_of(digits), tmp_path / "sorted"
    assert call("label", trained, "--format", "folder", "--out", out).out == f"{out}: 24 images\n"
    rows = [row for row in training(trained) if not row["given"]]
    copies = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert copies == {f"{row['label']}/{row['path']}" for row in rows}
    for row in rows:
        assert (out / row["label"] / row["path"]).read_bytes() == (digits / row["path"]).read_bytes()
    assert state_of(digits) == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["sorted"]


def test_images_of_one_name_and_class_are_both_copied(call: Call, tmp_path: Path, phone: Path) -> None:
    data = tmp_path / "data"
    for folder in ("one", "two"):
        (data / folder).mkdir(parents=True)
        for number, file in enumerate(sorted((phone / "trip").iterdir())[(folder == "two") * 6 :][:6]):
            shutil.copy(file, data / folder / f"{number}.jpg")
    labels = "".join(f"one/{number}.jpg,{NAMES[number % 2]}\n" for number in range(6))
    labels += "".join(f"two/{number}.jpg,{NAMES[number % 2]}\n" for number in range(6))
    (data / "labels.csv").write_text("path,label\n" + labels)
    words = ("--task", "localize", "--method", "cam", "--out", tmp_path / "run", *FAST)
    assert call("train", data, *words).code == 0
    assert call("label", tmp_path / "run", "--format", "folder", "--out", tmp_path / "sorted").code == 0
    for folder in ("one", "two"):
        for number in range(6):
            path = f"{folder}/{number}.jpg"
            copy = tmp_path / "sorted" / NAMES[number % 2] / path
            assert copy.read_bytes() == (data / path).read_bytes()
    assert "12 labelled" in call("check", tmp_path / "sorted").out


def test_an_existing_folder_is_not_changed(call: Call, trained: Path, tmp_path: Path) -> None:
    for place in (tmp_path / "empty", tmp_path / "file", tmp_path / "link"):
        if place.name == "empty":
            place.mkdir()
        elif place.name == "file":
            place.write_text("precious")
        else:
            place.symlink_to(tmp_path / "nowhere")
        error = call("label", trained, "--format", "folder", "--out", place).error
        assert "already exists and is not overwritten" in error
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["empty", "file", "link"]
    assert (tmp_path / "file").read_text() == "precious"


def test_a_failed_copy_leaves_nothing(
    call: Call, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, done = shutil.copy2, []

    def full(source: Path, target: Path) -> None:
        if len(done) == 5:
            raise OSError(28, "No space left on device", str(target))
        done.append(copy(source, target))

    monkeypatch.setattr(shutil, "copy2", full)
    assert "No space left" in call("label", trained, "--format", "folder", "--out", tmp_path / "sorted").error
    assert len(done) == 5
    assert list(tmp_path.iterdir()) == []


def test_copies_inside_the_data_are_refused(call: Call, trained: Path, digits: Path) -> None:
    error = call("label", trained, "--format", "folder", "--out", digits / "sorted").error
    assert "the copies would become part of it" in error
    assert not (digits / "sorted").exists()


@pytest.mark.parametrize("name", ["a/b", "..", ".hidden", "back\\slash", "é" * 200])
def test_a_class_that_is_no_folder_name_is_refused(call: Call, own_run: Path, tmp_path: Path, name: str) -> None:
    edit(own_run, lambda row: {"label": name} if row["path"] == "images/020.png" else {})
    error = call("label", own_run, "--format", "folder", "--out", tmp_path / "sorted").error
    assert error == f"class '{name}' can't be the name of a folder; give --format csv or label-studio"
    assert [entry.name for entry in tmp_path.iterdir()] == ["own-run"]


def test_a_format_that_cannot_hold_the_labels_is_refused(call: Call, trained: Path, half: Path, tmp_path: Path) -> None:
    error = call("label", trained, "--format", "coco").error
    assert error == ("--format coco can't hold the labels of --task classify; give csv or label-studio or folder")
    assert "of --task multilabel; give csv or label-studio" in call("label", half, "--format", "coco").error
    error = call("label", half, "--format", "folder", "--out", tmp_path / "sorted").error
    assert "--format folder can't hold the labels of --task multilabel" in error
    assert "needs --out" in call("label", trained, "--format", "folder").error
    assert "did you mean 'coco'?" in call("label", trained, "--format", "cocoa").error
    assert "--data is for the other formats" in call("label", trained, "--data", tmp_path).error
    assert "no folder" in call("label", trained, "--format", "folder", "--out", tmp_path / "none/x").error
    assert "is a folder" in call("label", trained, "--format", "label-studio", "--out", tmp_path).error
    assert list(tmp_path.iterdir()) == []


def test_the_data_may_have_moved(call: Call, own_digits: Path, own_run: Path, tmp_path: Path) -> None:
    elsewhere = own_digits.rename(tmp_path / "elsewhere")
    tasks = parsed(call("label", own_run, "--format", "label-studio", "--data", elsewhere).out)
    assert tasks[0]["data"]["image"] == "/data/local-files/?d=elsewhere/images/012.png"
    config = own_run / "config.yaml"
    lines = config.read_text().splitlines()
    moved = [f"data: {own_digits}" if line.startswith("data:") else line for line in lines]
    config.write_text("\n".join(moved) + "\n")
    error = call("label", own_run, "--format", "label-studio").error
    assert str(own_digits) in error
    assert "--data" in error
    os.unlink(elsewhere / "images/020.png")
    rows = (elsewhere / "labels.csv").read_text().splitlines()
    (tmp_path / "fewer.csv").write_text("\n".join(row for row in rows if "020" not in row) + "\n")
    words = ("--data", elsewhere, "--labels", tmp_path / "fewer.csv")
    error = call("label", own_run, "--format", "label-studio", *words).error
    assert error.startswith(f"'images/020.png' is no longer among the images of {elsewhere}")


def test_images_in_an_array_have_boxes_and_names_but_no_files(call: Call, tmp_path: Path) -> None:
    write_tiny(tmp_path)
    words = ("--root", tmp_path, "--num-labels", "6", "--task", "localize", "--method", "cam", *FAST)
    assert call("train", "mnist", *words, "--out", tmp_path / "run").code == 0
    found = parsed(call("label", tmp_path / "run", "--format", "coco").out)
    assert found["images"][0] == {"id": 1, "file_name": "train/000000", "width": 8, "height": 8}
    assert len(found["images"]) == len(found["annotations"]) == 48
    (tmp_path / "moved").mkdir()
    (tmp_path / "mnist.npz").rename(tmp_path / "moved/mnist.npz")
    assert "--root" in call("label", tmp_path / "run", "--format", "coco").error
    again = call("label", tmp_path / "run", "--format", "coco", "--root", tmp_path / "moved")
    assert parsed(again.out) == found
    places = (("label-studio",), ("folder", "--out", tmp_path / "sorted"))
    label = ("label", tmp_path / "run", "--root", tmp_path / "moved", "--format")
    for words in places:
        assert "are stored in an array; give --format csv" in call(*label, *words).error
    assert not (tmp_path / "sorted").exists()


@pytest.fixture
def some_accepted(own_run: Path) -> Path:
    """A run whose method accepts every third of the labels that it found."""
    numbers = {row["path"]: n for n, row in enumerate(row for row in ledger(own_run) if not row["given"])}
    edit(own_run, lambda row: {"accepted": str(int(numbers.get(row["path"], 0) % 3 == 0))})
    return own_run


def test_with_accepted_the_labels_that_the_method_does_not_accept_are_left_out(
    call: Call, some_accepted: Path, tmp_path: Path
) -> None:
    expected = [row["path"] for row in training(some_accepted) if not row["given"] and row["accepted"] == "1"]
    assert len(expected) == 8
    rows = rows_of(call("label", some_accepted, "--accepted").out)
    assert [row["path"] for row in rows] == expected
    assert {(row["given"], row["accepted"]) for row in rows} == {("", "1")}
    tasks = parsed(call("label", some_accepted, "--accepted", "--format", "label-studio").out)
    assert [task["data"]["image"].rpartition("digits/")[2] for task in tasks] == expected
    out = tmp_path / "sorted"
    assert call("label", some_accepted, "--accepted", "--format", "folder", "--out", out).out == f"{out}: 8 images\n"
    assert len([path for path in out.rglob("*") if path.is_file()]) == 8


def test_with_min_confidence_uncertain_labels_are_left_out(call: Call, own_run: Path) -> None:
    found = [row for row in training(own_run) if not row["given"]]
    middle = sorted(float(row["confidence"]) for row in found)[len(found) // 2]
    rows = rows_of(call("label", own_run, "--min-confidence", middle).out)
    assert [row["path"] for row in rows] == [row["path"] for row in found if float(row["confidence"]) >= middle]
    assert 0 < len(rows) < len(found)
    error = call("label", own_run, "--min-confidence", 95).error
    assert error == "--min-confidence must be from 0 to 1, and this is 95"


@pytest.mark.parametrize("confidence", ["high", "nan", "1.5"])
def test_a_damaged_confidence_is_refused(call: Call, own_run: Path, confidence: str) -> None:
    edit(own_run, lambda row: {"confidence": confidence})
    for command in ("label", "next", "doubt"):
        assert f"is '{confidence}', not a number from 0 to 1" in call(command, own_run).error


def test_with_accepted_marks_are_left_out_one_by_one(call: Call, half: Path, tmp_path: Path) -> None:
    run = shutil.copytree(half, tmp_path / "run")
    unknown = [(row["path"], row["class"]) for row in training(run) if not row["given"]]
    kept = set(unknown[::4])
    edit(run, lambda row: {"accepted": str(int((row["path"], row["class"]) in kept or bool(row["given"])))})
    rows = rows_of(call("label", run, "--accepted").out)
    assert [(row["path"], row["class"]) for row in rows] == unknown[::4]
    tasks = parsed(call("label", run, "--accepted", "--format", "label-studio").out)
    assert len(tasks) == len({path for path, _ in kept})
    accepted = [row for row in training(run) if row["accepted"] == "1"]
    for task, path in zip(tasks, dict.fromkeys(path for path, _ in unknown[::4]), strict=True):
        present = [row["class"] for row in accepted if row["path"] == path and row["label"] == "1"]
        assert [result["value"]["choices"] for result in task["predictions"][0]["result"]] == (
            [present] if present else []
        )


def test_out_has_the_same_content_as_the_terminal_in_every_format(call: Call, located: Path, tmp_path: Path) -> None:
    for name in ("csv", "coco", "label-studio"):
        out = tmp_path / name
        assert call("label", located, "--format", name, "--out", out).out == f"{out}: 15 images\n"
        assert out.read_text() == call("label", located, "--format", name).out


@pytest.mark.parametrize("name", ["csv", "coco", "label-studio", "folder"])
def test_an_unfinished_run_is_refused(call: Call, phone: Path, tmp_path: Path, name: str) -> None:
    """Even where every class was given, and so stands in the ledger from the beginning."""
    (tmp_path / "whole.csv").write_text((phone / "labels.csv").read_text().replace("#09.jpg,,", "#09.jpg,one,"))
    words = ("--labels", tmp_path / "whole.csv", "--task", "localize", "--method", "cam", "--eval-every", "2")
    with stop_after(2):
        assert call("train", phone, *words, "--out", tmp_path / "run", *FAST).code == 143
    out = ("--out", tmp_path / "out") if name == "folder" else ()
    assert "not finished" in call("label", tmp_path / "run", "--format", name, *out).error
    assert not (tmp_path / "out").exists()
