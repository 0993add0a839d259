"""Several labels per image, as a user types it: a tiny folder of stripes, marked in a CSV of either form."""

import csv
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import MACHINE, Answer, Call
from tests.tiny import sha256, stop_after

from fewlabels.cli.main import main

CLASSES = ("red", "green", "blue")
TRAIN, TEST = 16, 8
SMALL = ("--backbone", "small_cnn", *MACHINE)
FAST = (*SMALL, "--steps", "4", "--batch-size", "4", "--eval-every", "2")
PROBE = ("--task", "multilabel", "--method", "linear-probe", *SMALL)
FIGURES = ("mAP", "mAP_voc", "OP", "OR", "OF1", "CP", "CR", "CF1")
METHODS_FOR_POSITIVES = ("asymmetric", "csl", "latent-noise", "splc")

Row = list[str]
"""Path, split and a cell for each class."""
Change = Callable[[int, Row], Sequence[str]]
"""The cells of row number n, from those of the good file."""


def good_rows() -> list[Row]:
    drawn = np.random.RandomState(20).random_sample((TRAIN + TEST, len(CLASSES))) < 0.5
    splits = ["train"] * TRAIN + ["test"] * TEST
    return [[f"images/{n:03d}.png", splits[n], *map(str, map(int, row))] for n, row in enumerate(drawn)]


ROWS = good_rows()


def write_wide(file: Path, change: Change = lambda n, row: row, classes: Sequence[str] = CLASSES) -> Path:
    lines = [["path", "split", *classes], *(change(n, list(row)) for n, row in enumerate(ROWS))]
    file.write_text("".join(",".join(line) + "\n" for line in lines))
    return file


def write_long(file: Path) -> Path:
    lines = [f"{row[0]},{row[1]},{name},{mark}" for row in ROWS for name, mark in zip(CLASSES, row[2:], strict=True)]
    file.write_text("\n".join(["path,split,label,present", *lines, ""]))
    return file


@pytest.fixture(scope="module")
def stripes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stripe in the class's colour where it is present. Not to be changed by a test: give another CSV."""
    folder = tmp_path_factory.mktemp("data") / "stripes"
    (folder / "images").mkdir(parents=True)
    noise = np.random.RandomState(1)
    for row in ROWS:
        pixels = noise.randint(0, 40, (16, 16, 3))
        for k, mark in enumerate(row[2:]):
            pixels[:, 5 * k : 5 * k + 5, k] += 180 * int(mark)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / row[0])
    write_wide(folder / "labels.csv")
    return folder


@pytest.fixture(scope="module")
def half(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run that knew half of the marks, not to be changed by a test."""
    out = tmp_path_factory.mktemp("runs") / "half"
    words = ("--method", "bce", "--known-proportion", "0.5", "--label-seed", "3", "--out", out, *FAST)
    assert main([str(word) for word in ("train", stripes, *words)]) == 0
    return out


@pytest.fixture(scope="module")
def whole(stripes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished linear probe that knew every mark, not to be changed by a test."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert main([str(word) for word in ("train", stripes, *PROBE, "--out", out)]) == 0
    return out


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


def ledger(run: Path) -> list[dict[str, str]]:
    return table((run / "labels.csv").read_text())


def given(run: Path) -> list[str]:
    return [row["given"] for row in ledger(run)]


def metrics(run: Path) -> dict[str, dict]:
    return json.loads((run / "metrics.json").read_text())


def figures(answer: Answer) -> dict[str, str]:
    assert answer.code == 0, answer.err
    return dict(line.rsplit(" ", 1) for line in answer.out.splitlines())


def test_the_ledger_has_a_row_for_each_image_and_class_and_given_marks_stay(half: Path) -> None:
    rows = ledger(half)
    assert list(rows[0]) == ["path", "split", "class", "given", "label", "confidence", "accepted"]
    assert [(r["path"], r["split"], r["class"]) for r in rows] == [(r[0], r[1], name) for r in ROWS for name in CLASSES]
    truth = [mark for row in ROWS for mark in row[2:]]
    known = [(row, mark) for row, mark in zip(rows, truth, strict=True) if row["given"]]
    assert 10 < len(known) < 38  # 24 of 48 are expected; the standard deviation is 3.5
    assert all(row["given"] == row["label"] == mark and row["accepted"] == "1" for row, mark in known)
    assert all(row["split"] == "train" for row, _ in known)
    assert {row["label"] for row in rows} <= {"0", "1"}
    for row in rows:
        if not row["given"]:
            assert 0.5 <= float(row["confidence"]) <= 1


def test_the_figures_are_those_of_several_labels_and_of_the_hidden_marks(half: Path) -> None:
    found = metrics(half)
    assert set(found) == {"test", "val", "unknown", "train", "calibration"}
    for split, images in (("test", TEST), ("unknown", len({r["path"] for r in ledger(half)[:48] if not r["given"]}))):
        assert set(found[split]) == {"num_images", "classes_without_positives", "AP", *FIGURES}
        assert found[split]["num_images"] == images
        assert all(0 <= found[split][name] <= 1 for name in FIGURES)
        assert found[split]["mAP"] == pytest.approx(np.mean(found[split]["AP"]))


def test_precision_and_recall_are_what_a_person_counts_in_the_ledger(half: Path) -> None:
    said = np.array([int(row["label"]) for row in ledger(half) if row["split"] == "test"]).reshape(TEST, 3)
    truth = np.array([list(map(int, row[2:])) for row in ROWS[TRAIN:]])
    right = (said & truth).sum()
    named = said.sum(0).clip(min=1).sum()  # a class that is never named counts as one false prediction
    test = metrics(half)["test"]
    assert test["OP"] == pytest.approx(right / named)
    assert test["OR"] == pytest.approx(right / truth.sum())
    assert test["OF1"] == pytest.approx(2 * right / (named + truth.sum()))


def test_both_forms_of_the_csv_train_the_same_and_the_data_say_the_task(
    call: Call, stripes: Path, whole: Path, tmp_path: Path
) -> None:
    words = ("--labels", write_long(tmp_path / "long.csv"), "--method", "linear-probe", *SMALL)
    answer = call("train", stripes, *words, "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    wide, long = ({(r["path"], r["class"]): r for r in ledger(run)} for run in (whole, tmp_path / "run"))
    assert long.keys() == wide.keys()
    assert {k: r["given"] for k, r in long.items()} == {k: r["given"] for k, r in wide.items()}
    assert metrics(tmp_path / "run")["test"]["mAP"] == pytest.approx(metrics(whole)["test"]["mAP"])
    assert "mAP" in answer.out.splitlines()[-3]


def test_predict_has_a_row_for_each_image_and_class(call: Call, half: Path, stripes: Path) -> None:
    plain, full = (call("predict", half, stripes, *more) for more in ((), ("--probabilities",)))
    assert plain.out.splitlines()[0] == "path,class,label,confidence"
    rows = table(full.out)
    assert [(row["path"], row["class"]) for row in rows] == [(row[0], name) for row in ROWS for name in CLASSES]
    assert [{**row} for row in table(plain.out)] == [{k: r[k] for k in r if k != "probability"} for r in rows]
    for row in rows:
        p = float(row["probability"])
        assert row["label"] == str(int(p >= 0.5))
        assert float(row["confidence"]) == pytest.approx(max(p, 1 - p), abs=2e-6)
    found = {(row["path"], row["class"]): row["label"] for row in ledger(half) if not row["given"]}
    assert {
        key: label for key, label in ((((r["path"], r["class"])), r["label"]) for r in rows) if key in found
    } == found


def test_evaluate_repeats_the_figures_of_the_run_a_line_each(call: Call, half: Path, stripes: Path) -> None:
    shown, test = figures(call("evaluate", half, stripes, "--split", "test")), metrics(half)["test"]
    assert list(shown) == ["num_images", "classes_without_positives", *(f"AP({name})" for name in CLASSES), *FIGURES]
    for name in FIGURES:
        assert float(shown[name]) == pytest.approx(test[name], abs=2e-6)
    for name, value in zip(CLASSES, test["AP"], strict=True):
        assert float(shown[f"AP({name})"]) == pytest.approx(value, abs=2e-6)


def test_evaluate_finds_classes_by_name_and_leaves_those_out_that_the_data_lack(
    call: Call, half: Path, stripes: Path, tmp_path: Path
) -> None:
    two = write_wide(tmp_path / "two.csv", lambda n, row: [*row[:2], row[4], row[3]], ("blue", "green"))
    fewer, all_three = (figures(call("evaluate", half, stripes, *more)) for more in (("--labels", two), ()))
    assert fewer["AP(red)"] == "none"
    assert [fewer[f"AP({name})"] for name in CLASSES[1:]] == [all_three[f"AP({name})"] for name in CLASSES[1:]]
    assert fewer["classes_without_positives"] == "1"


def test_evaluate_refuses_a_class_that_the_run_lacks(call: Call, half: Path, stripes: Path, tmp_path: Path) -> None:
    file = write_wide(tmp_path / "c.csv", classes=("red", "gren", "blue"))
    error = call("evaluate", half, stripes, "--labels", file).error
    assert f"class 'gren' is unknown to {half}; did you mean 'green'?" in error


def test_label_writes_the_marks_that_were_not_given_and_they_can_be_trained_on(
    call: Call, half: Path, stripes: Path, tmp_path: Path
) -> None:
    out = tmp_path / "found.csv"
    unknown = [row for row in ledger(half) if row["split"] == "train" and not row["given"]]
    assert call("label", half, "--out", out).out == f"{out}: {len({row['path'] for row in unknown})} images\n"
    rows = table(out.read_text())
    assert rows == [
        {k: row[k] for k in ("path", "class", "given", "label", "confidence", "accepted")} for row in unknown
    ]
    answer = call("train", stripes, "--labels", out, *PROBE, "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    known = {(row["path"], row["class"]): row["given"] for row in ledger(tmp_path / "run") if row["given"]}
    assert known == {(row["path"], row["class"]): row["label"] for row in unknown}


def test_label_of_a_run_that_knew_every_mark_is_a_header(call: Call, whole: Path) -> None:
    assert call("label", whole).out == "path,class,given,label,confidence,accepted\n"


def test_report_puts_two_runs_on_a_page(call: Call, half: Path, whole: Path, tmp_path: Path) -> None:
    page = tmp_path / "both.html"
    assert call("report", half, whole, "--out", page).out == f"{page}\n"
    assert page.read_text().count('<script type="application/json"') == 2


def test_check_names_faults_by_row_and_counts_what_is_known(call: Call, stripes: Path, tmp_path: Path) -> None:
    good = call("check", stripes)
    assert good.code == 0
    assert "16 labelled and 0 unlabelled for training, 8 for test, 100.0% of the training labels known" in good.out
    wrong = {4: "2", 7: "yes"}
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:4], wrong.get(n, row[4])])
    answer = call("check", stripes, "--labels", file)
    faults = [line for line in answer.out.splitlines() if line.startswith("fault: ")]
    assert answer.code == 2
    assert len(faults) == 2
    assert "c.csv row 6: class 'blue' of 'images/004.png' is '2'; write 1 for present, 0 for absent" in faults[0]
    assert "c.csv row 9: class 'blue' of 'images/007.png' is 'yes'" in faults[1]
    assert answer.out.splitlines()[-1] == "2 faults"
    error = call("train", stripes, "--labels", file, "--method", "bce", "--out", tmp_path / "run", *FAST).error
    assert "c.csv row 6" in error
    assert "and 1 more" in error
    assert not (tmp_path / "run").exists()


def test_skip_bad_goes_on_and_the_ledger_names_what_was_left_out(call: Call, stripes: Path, tmp_path: Path) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:4], "2" if n == 4 else row[4]])
    answer = call("train", stripes, "--labels", file, *PROBE, "--skip-bad", "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    last = ledger(tmp_path / "run")[-1]
    assert [*last.values()] == ["images/004.png", "left out", "", "", "", "", ""]
    assert call("label", tmp_path / "run").code == 0


@pytest.mark.parametrize("share", ["0", "1.5", "-0.5", "half"])
def test_a_known_proportion_that_is_none_is_refused(call: Call, stripes: Path, tmp_path: Path, share: str) -> None:
    words = ("--method", "bce", f"--known-proportion={share}", "--out", tmp_path / "run", *FAST)
    assert call("train", stripes, *words).error.startswith("--known-proportion ")
    assert not (tmp_path / "run").exists()


def test_a_known_proportion_that_leaves_nothing_says_so(call: Call, stripes: Path, tmp_path: Path) -> None:
    words = ("--method", "bce", "--known-proportion", "0.0001", "--out", tmp_path / "run", *FAST)
    assert "or give a larger --known-proportion" in call("train", stripes, *words).error


def test_all_marks_known_trains(call: Call, stripes: Path, tmp_path: Path) -> None:
    words = ("--method", "saliency-regularization", "--known-proportion", "1.0", "--out", tmp_path / "run", *FAST)
    answer = call("train", stripes, *words)
    assert answer.code == 0, answer.err
    assert given(tmp_path / "run") == [mark if row[1] == "train" else "" for row in ROWS for mark in row[2:]]
    assert "unknown" not in metrics(tmp_path / "run")


def test_the_label_seed_alone_says_which_marks_are_known(call: Call, stripes: Path, half: Path, tmp_path: Path) -> None:
    for seed in (3, 4):
        words = ("--known-proportion", "0.5", "--label-seed", seed, "--seed", "9", "--out", tmp_path / str(seed))
        assert call("train", stripes, *PROBE, *words).code == 0
    assert given(tmp_path / "3") == given(half)
    assert given(tmp_path / "4") != given(half)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("--method bce --num-labels 6", "--num-labels is for --task classify or localize, and this is multilabel"),
        ("--method bce --label-fraction 0.5", "--label-fraction is for --task classify or localize"),
        ("--method bce --pool unlabelled", "--pool is for --task classify or localize"),
        ("--task multilabel --method linear-probe --labelled-from digits", "--labelled-from is for --task classify"),
        ("--method fixmatch --known-proportion 0.5", "--known-proportion is for --task multilabel"),
        ("--method linear-probe --task classify --known-proportion 0.5", "--known-proportion is for --task multilabel"),
        ("--task classify --method bce", "'bce' is a method of --task multilabel, not of classify"),
        ("--task multilabel --method fixmatch", "'fixmatch' is a method of --task classify, not of multilabel"),
        ("--task multilable --method bce", "did you mean 'multilabel'?"),
        ("--method partail-bce", "did you mean 'partial-bce'?"),
        ("--task multilabel --method fixmtach", "did you mean 'fixmatch'?"),
        ("--method bce --method.alfa 1", "alfa"),
    ],
)
def test_what_belongs_to_the_other_task_is_refused(
    call: Call, stripes: Path, tmp_path: Path, words: str, says: str
) -> None:
    assert says in call("train", stripes, *words.split(), "--out", tmp_path / "run").error
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("form", ["wide", "long"])
def test_a_method_for_one_class_per_image_names_those_for_several(
    call: Call, stripes: Path, tmp_path: Path, form: str
) -> None:
    file = {"wide": write_wide, "long": write_long}[form](tmp_path / "c.csv")
    words = ("--labels", file, "--method", "fixmatch", "--out", tmp_path / "run", *FAST)
    error = call("train", stripes, *words).error
    assert "several labels per image, and --task classify takes one class" in error
    assert "saliency-regularization" in error


def test_one_class_per_image_is_no_data_for_several(call: Call, stripes: Path, tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text("path,label\nimages/000.png,red\n")
    words = ("--labels", tmp_path / "c.csv", "--method", "bce", "--out", tmp_path / "run", *FAST)
    assert "a label without 'present' is for --task classify" in call("train", stripes, *words).error
    assert "of that name with several labels" in call("train", "digits", "--method", "bce").error


def test_a_class_that_is_unknown_throughout_trains_and_is_reported(call: Call, stripes: Path, tmp_path: Path) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:4], "-1"])
    words = ("--labels", file, "--method", "saliency-regularization", "--out", tmp_path / "run", *FAST)
    answer = call("train", stripes, *words)
    assert answer.code == 0, answer.err
    assert "note: class 'blue' has no known label in training\n" in answer.out
    test = metrics(tmp_path / "run")["test"]
    assert test["classes_without_positives"] == 1
    assert test["AP"][2] is None
    assert test["mAP"] == pytest.approx(np.mean(test["AP"][:2]))


def test_images_without_a_known_mark_train(call: Call, stripes: Path, tmp_path: Path) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:2], "", "-1", ""] if n < 6 else row)
    words = ("--labels", file, "--method", "saliency-regularization", "--out", tmp_path / "run", *FAST)
    answer = call("train", stripes, *words)
    assert answer.code == 0, answer.err
    assert "note: 6 of 16 train images have no known label" in answer.out
    assert metrics(tmp_path / "run")["train"]["num_labels"] == TRAIN
    assert all(row["label"] and not row["given"] for row in ledger(tmp_path / "run")[:18])


@pytest.mark.parametrize("marks", [("", "-1", ""), ("0", "", "0")])
def test_no_known_presence_at_all_is_refused(call: Call, stripes: Path, tmp_path: Path, marks: tuple[str, ...]) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:2], *marks])
    words = ("--labels", file, "--method", "splc", "--out", tmp_path / "run", *FAST)
    assert (
        "no training image has a class that is known to be present; mark some" in call("train", stripes, *words).error
    )


def test_a_class_without_positives_in_test_is_left_out_of_the_figures(
    call: Call, stripes: Path, tmp_path: Path
) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: row if row[1] == "train" else [*row[:4], "0"])
    answer = call("train", stripes, "--labels", file, *PROBE, "--out", tmp_path / "run")
    assert "note: class 'blue' is present in no test image: its metrics are left out\n" in answer.out
    test = metrics(tmp_path / "run")["test"]
    assert (test["classes_without_positives"], test["AP"][2]) == (1, None)
    assert test["mAP"] == pytest.approx(np.mean(test["AP"][:2]))


def test_a_test_split_without_any_positive_has_no_map_and_the_run_still_ends(
    call: Call, stripes: Path, tmp_path: Path
) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: row if row[1] == "train" else [*row[:2], "0", "0", "0"])
    answer = call("train", stripes, "--labels", file, *PROBE, "--out", tmp_path / "run")
    assert answer.code == 0, answer.err
    assert "mAP" not in answer.out
    test = {"num_images": TEST, "classes_without_positives": 3, "AP": [None] * 3}
    assert metrics(tmp_path / "run")["test"] == test
    assert (
        figures(call("evaluate", tmp_path / "run", stripes, "--labels", file, "--split", "test"))["AP(red)"] == "none"
    )


def test_marks_that_are_all_present_are_refused_by_methods_that_need_both(
    call: Call, stripes: Path, tmp_path: Path
) -> None:
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:2], *(mark.replace("0", "") for mark in row[2:])])
    words = ("--labels", file, "--out", tmp_path / "run", *FAST)
    error = call("train", stripes, "--method", "saliency-regularization", *words).error
    assert "every known mark is 'present', and 'saliency-regularization' needs absent ones too" in error
    assert f"or use {', '.join(METHODS_FOR_POSITIVES)}, which take the unknown for absent" in error
    assert "every known training label says 'present'" in call("check", stripes, "--labels", file).out
    answer = call("train", stripes, "--method", METHODS_FOR_POSITIVES[-1], *words)
    assert answer.code == 0, answer.err


def test_a_run_that_was_stopped_comes_to_the_same_bytes_and_refuses_other_marks(
    call: Call, stripes: Path, half: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = ("--method", "bce", "--known-proportion", "0.5", "--label-seed", "3", "--out", run, *FAST)
    with stop_after(2):
        stopped = call("train", stripes, *words)
    assert stopped.code == 143
    assert "--resume" in stopped.err
    assert "not finished" in call("label", run).error
    file = write_wide(tmp_path / "c.csv", lambda n, row: [*row[:4], str(1 - int(row[4]))])
    error = call("train", stripes, *words, "--labels", file, "--resume").error
    assert re.search(r"the images or labels changed since the run began \(first: images/\d+\.png\)", error)
    answer = call("train", stripes, *words, "--resume")
    assert answer.code == 0, answer.err
    assert "resuming at step 2\n" in answer.out
    for name in ("model.safetensors", "model.json", "labels.csv"):
        assert sha256(run / name) == sha256(half / name)
    assert metrics(run)["test"] == metrics(half)["test"]
