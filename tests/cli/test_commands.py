"""What every command does on a folder of digits."""

import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import FAST, NAMES, Call, write_digits

from fewlabels import files


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def test_predict_names_a_class_and_a_confidence_for_every_image_in_the_order_of_names(
    call: Call, trained: Path, digits: Path
) -> None:
    answer = call("predict", trained, digits)
    rows = table(answer.out)
    assert answer.code == 0
    assert answer.out.splitlines()[0] == "path,label,confidence"
    assert [row["path"] for row in rows] == sorted(f"images/{n:03d}.png" for n in range(66))
    assert {row["label"] for row in rows} <= set(NAMES)
    assert all(1 / 3 - 1e-6 <= float(row["confidence"]) <= 1 for row in rows)
    assert call("predict", trained, digits).out == answer.out


def test_the_probabilities_of_an_image_sum_to_one_and_the_largest_is_its_label(
    call: Call, trained: Path, digits: Path
) -> None:
    for row in table(call("predict", trained, digits, "--probabilities").out):
        each = {name: float(row[f"p({name})"]) for name in NAMES}
        assert sum(each.values()) == pytest.approx(1, abs=3e-6)
        assert row["confidence"] == max(row[f"p({name})"] for name in NAMES)
        assert each[row["label"]] == max(each.values())


def test_one_image_is_predicted_as_it_is_among_all(call: Call, trained: Path, digits: Path) -> None:
    whole = table(call("predict", trained, digits).out)
    (row,) = table(call("predict", trained, digits / "images" / "004.png").out)
    assert row["path"] == "004.png"
    assert row["label"] == whole[4]["label"]
    assert float(row["confidence"]) == pytest.approx(float(whole[4]["confidence"]), abs=1e-5)


def test_out_holds_what_the_terminal_would_show(call: Call, trained: Path, digits: Path, tmp_path: Path) -> None:
    answer = call("predict", trained, digits, "--out", tmp_path / "p.csv")
    assert answer.out == f"{tmp_path / 'p.csv'}: 66 images\n"
    assert (tmp_path / "p.csv").read_text() == call("predict", trained, digits).out
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.csv"]


def test_a_failed_write_leaves_the_earlier_file(
    call: Call, trained: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "p.csv"
    out.write_text("precious")

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(files, "flush", full)
    assert "No space left on device" in call("predict", trained, digits, "--out", out).error
    assert out.read_text() == "precious"
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.csv"]


def test_evaluate_repeats_the_figures_of_the_run(call: Call, trained: Path, digits: Path) -> None:
    answer = call("evaluate", trained, digits, "--split", "test")
    figures = dict(line.split() for line in answer.out.splitlines())
    metrics = json.loads((trained / "metrics.json").read_text())["test"]
    assert figures["num_images"] == "30"
    for name in ("accuracy", "macro_f1", "nll"):
        assert float(figures[name]) == pytest.approx(metrics[name], abs=2e-6)


def test_evaluate_counts_right_answers_as_a_person_would(call: Call, trained: Path, digits: Path) -> None:
    truth = {row["path"]: row["label"] for row in table((digits / "labels.csv").read_text()) if row["label"]}
    said = {row["path"]: row["label"] for row in table(call("predict", trained, digits).out)}
    answer = call("evaluate", trained, digits)
    figures = dict(line.split() for line in answer.out.splitlines())
    assert figures["num_images"] == str(len(truth))
    assert float(figures["accuracy"]) == pytest.approx(np.mean([said[p] == c for p, c in truth.items()]), abs=1e-6)


def test_label_lists_the_images_without_a_label_and_no_other(call: Call, trained: Path) -> None:
    rows = table(call("label", trained).out)
    assert [row["path"] for row in rows] == [f"images/{n:03d}.png" for n in range(12, 36)]
    assert {row["label"] for row in rows} <= set(NAMES)
    assert {row["accepted"] for row in rows} <= {"0", "1"}


def test_the_output_of_label_can_be_trained_on(call: Call, trained: Path, digits: Path, tmp_path: Path) -> None:
    out = tmp_path / "pseudo.csv"
    assert call("label", trained, "--out", out).code == 0
    answer = call("check", digits, "--labels", out)
    assert answer.code == 0, answer.out
    assert "24 labelled" in answer.out
    assert "'confidence', 'accepted'" in answer.out


def test_report_shows_two_runs_on_one_page(call: Call, trained: Path, own_run: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    assert call("report", trained, own_run, "--out", page).out == f"{page}\n"
    text = page.read_text()
    assert text.count('<script type="application/json"') == 2
    assert "http://" not in text.replace("http://www.w3.org/", "")


def test_report_of_two_runs_does_not_replace_a_page_that_is_there(
    call: Call, trained: Path, own_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("report.html").write_text("precious")
    assert "--out" in call("report", trained, own_run).error
    assert Path("report.html").read_text() == "precious"


def test_check_passes_good_data(call: Call, digits: Path) -> None:
    answer = call("check", digits)
    assert answer.code == 0
    assert "12 labelled and 24 unlabelled for training, 30 for test" in answer.out
    assert answer.out.splitlines()[-1] == "no faults"


def test_check_lists_every_fault_on_a_line_of_its_own(call: Call, own_digits: Path) -> None:
    (own_digits / "images/000.png").write_bytes((own_digits / "images/000.png").read_bytes()[:-30])
    (own_digits / "images/001.png").write_text("no image")
    with (own_digits / "labels.csv").open("a") as lines:
        lines.write("images/none.png,one,train\n")
    answer = call("check", own_digits)
    faults = [line for line in answer.out.splitlines() if line.startswith("fault: ")]
    assert answer.code == 2
    assert len(faults) == 3
    for name in ("images/000.png", "images/001.png", "labels.csv row 68"):
        assert sum(name in fault for fault in faults) == 1
    assert answer.out.splitlines()[-1] == "3 faults"


def test_methods_in_a_pipe_is_one_task_and_name_per_line(call: Call) -> None:
    lines = call("methods").out.splitlines()
    assert {"classify\tfixmatch", "multilabel\tlinear-probe", "localize\tcam"} <= set(lines)
    assert all(line.count("\t") == 1 and " " not in line for line in lines)
    assert [line.split("\t")[0] for line in lines] == sorted(
        (line.split("\t")[0] for line in lines), key=["classify", "multilabel", "localize"].index
    )


def test_methods_describes_one_with_its_parameters(call: Call) -> None:
    text = call("methods", "fixmatch").out
    assert "Sohn" in text
    assert "--method.threshold" in text
    assert "0.95" in text


def test_a_run_without_a_test_split_estimates_its_accuracy(call: Call, tmp_path: Path) -> None:
    data = write_digits(tmp_path / "data", labelled=15, train=30, test=0)
    answer = call("train", data, "--method", "supervised", "--out", tmp_path / "run", *FAST)
    assert "cross-fitting" in answer.out
    assert "cross_fit" in json.loads((tmp_path / "run/metrics.json").read_text())


def test_a_run_says_how_long_it_will_take_before_it_begins(call: Call, digits: Path, tmp_path: Path) -> None:
    answer = call("train", digits, "--method", "supervised", "--out", tmp_path / "run", *FAST)
    assert answer.code == 0
    assert answer.err == ""
    first, *others = answer.out.splitlines()
    assert first.startswith("training 10 steps, about ")
    assert "labelling all 66 images" in others  # the rest of the time, which grows with the images and not the steps


def test_a_run_folder_inside_the_data_is_not_data(call: Call, own_digits: Path, trained: Path) -> None:
    inside = shutil.copytree(trained, own_digits / "run")
    Image.new("L", (8, 8)).save(inside / "plot.png")
    assert "66 images" in call("check", own_digits).out
    os.unlink(inside / "config.yaml")
    assert "67 images" in call("check", own_digits).out
