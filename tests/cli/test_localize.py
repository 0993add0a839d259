"""Boxes on the command line: judged by, written down, never trained on."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.cli.conftest import FAST, Call

from fewlabels.options import TrainOptions

CORNERS = ["x0", "y0", "x1", "y1"]
SIZE = (40, 24)
"""Width and height of the stored images."""


def write_spots(folder: Path, orientation: int = 1) -> Path:
    """A bright spot on grey, upper left (class a) or lower right (class b), stored with an EXIF orientation."""
    (folder / "images").mkdir(parents=True)
    labels, boxes, random = [], [], np.random.default_rng(0)
    for number in range(18):
        pixels = random.integers(60, 120, (SIZE[1], SIZE[0], 3)).astype(np.uint8)
        x, y = (4, 2) if number % 2 else (24, 12)
        pixels[y : y + 8, x : x + 10] = 250
        exif, path = Image.Exif(), f"images/{number:02d}.jpg"
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(folder / path, exif=exif, quality=95)
        labels.append([path, "ab"[number % 2], "test" if number >= 12 else "train"])
        boxes.append([path, x, y, x + 10, y + 8])
    write_csv(folder / "labels.csv", [["path", "label", "split"], *labels])
    write_csv(folder / "boxes.csv", [["path", *CORNERS], *boxes])
    return folder


def write_csv(file: Path, rows: list[list[object]]) -> None:
    with file.open("w", newline="") as lines:
        csv.writer(lines).writerows(rows)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.fixture(scope="module")
def spots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_spots(tmp_path_factory.mktemp("data") / "spots")


@pytest.fixture(scope="module")
def run(spots: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from fewlabels.cli.main import main

    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(spots), "--method", "lchp", "--image-size", "16", "--out", str(out), *FAST]) == 0
    return out


def figures(text: str) -> dict[str, float]:
    return {name: float(value) for name, value in (line.split() for line in text.splitlines()) if value != "none"}


def test_the_run_is_judged_by_boxes_that_training_never_saw(run: Path) -> None:
    test = json.loads((run / "metrics.json").read_text())["test"]
    assert {"accuracy", "gt_known", "top1_loc", "top5_loc", "mean_iou"} <= test.keys()
    assert test["top1_loc"] <= min(test["accuracy"], test["gt_known"])
    header = (run / "history.csv").read_text().splitlines()[0].split(",")
    assert {"test_gt_known", "test_pseudo_gt_known", "share_kept"} <= set(header)


def test_training_is_the_same_whatever_the_boxes_say(spots: Path, tmp_path: Path, call: Call) -> None:
    other = tmp_path / "other.csv"
    write_csv(other, [["path", *CORNERS], *([f"images/{n:02d}.jpg", 0, 0, 5, 5] for n in range(18))])
    hashes = []
    for name, more in (("own", []), ("other", ["--boxes", other])):
        options = ["--image-size", "16", "--steps", "2", *FAST[2:]]
        answer = call("train", spots, "--method", "lchp", "--out", tmp_path / name, *options, *more)
        assert answer.code == 0
        hashes.append((tmp_path / name / "model.safetensors").read_bytes())
    assert hashes[0] == hashes[1]


def test_the_ledger_has_a_box_for_every_image_in_its_own_pixels(run: Path) -> None:
    rows = read_csv((run / "labels.csv").read_text())
    assert list(rows[0]) == ["path", "split", "given", "label", "confidence", "accepted", *CORNERS]
    assert len(rows) == 18
    for row in rows:
        x0, y0, x1, y1 = (float(row[name]) for name in CORNERS)
        assert 0 <= x0 <= x1 <= SIZE[0]
        assert 0 <= y0 <= y1 <= SIZE[1]


def test_predict_writes_class_and_box(run: Path, spots: Path, call: Call) -> None:
    rows = read_csv(call("predict", run, spots / "images").out)
    assert list(rows[0]) == ["path", "label", "confidence", *CORNERS]
    every = read_csv(call("predict", run, spots / "images", "--probabilities").out)
    assert list(every[0]) == ["path", "label", "confidence", *CORNERS, "p(a)", "p(b)"]
    assert [row["x0"] for row in rows] == [row["x0"] for row in every]


def test_evaluate_finds_the_figures_of_the_run(run: Path, spots: Path, call: Call) -> None:
    test = json.loads((run / "metrics.json").read_text())["test"]
    found = figures(call("evaluate", run, spots, "--split", "test").out)
    assert found["gt_known"] == pytest.approx(test["gt_known"], abs=1e-6)
    assert found["mean_iou"] == pytest.approx(test["mean_iou"], abs=1e-4)


def test_evaluate_reads_the_boxes_it_is_given(run: Path, spots: Path, tmp_path: Path, call: Call) -> None:
    """The model's own boxes as the truth: every one is right."""
    rows = read_csv((run / "labels.csv").read_text())
    write_csv(tmp_path / "own.csv", [["path", *CORNERS], *([row[n] for n in ("path", *CORNERS)] for row in rows)])
    own = figures(call("evaluate", run, spots, "--boxes", tmp_path / "own.csv").out)
    assert own["mean_iou"] > 0.99


def test_evaluate_says_what_each_confidence_keeps_of_the_training_boxes(run: Path, spots: Path, call: Call) -> None:
    found = figures(call("evaluate", run, spots, "--split", "train").out)
    counts = [found[f"kept({threshold})"] for threshold in ("0", "0.5", "0.6", "0.7", "0.8", "0.9")]
    assert counts[0] == 12
    assert counts == sorted(counts, reverse=True)
    assert found["gt_known(0)"] == found["gt_known"]


@pytest.mark.parametrize("name", ["cam", "grad-cam", "layer-cam", "info-cam"])
def test_evaluate_takes_boxes_from_any_map(run: Path, spots: Path, call: Call, name: str) -> None:
    found = figures(call("evaluate", run, spots, "--map", name).out)
    assert 0 < found["mean_iou"] <= 1


def test_what_a_map_is_worth_is_said_where_it_is_asked_for(run: Path, spots: Path, call: Call) -> None:
    found = figures(call("evaluate", run, spots, "--map", "cam", "--max-box-acc").out)
    assert found["gt_known"] <= found["max_box_acc"] + 1e-6
    assert "max_box_acc" not in figures(call("evaluate", run, spots, "--map", "cam").out)
    assert "give --map too" in call("evaluate", run, spots, "--max-box-acc").error


def test_the_papers_network_is_evaluated_though_it_has_no_activation_map(
    spots: Path, tmp_path: Path, call: Call
) -> None:
    words = ["--method.attention_maps", "4", "--image-size", "16", "--out", tmp_path / "run", *FAST]
    assert call("train", spots, "--method", "lchp", *words).code == 0
    assert "gt_known" in figures(call("evaluate", tmp_path / "run", spots, "--split", "train").out)


def test_boxes_that_a_model_wrote_are_no_true_boxes(run: Path, spots: Path, tmp_path: Path, call: Call) -> None:
    assert call("label", run, "--out", tmp_path / "labels.csv").code == 0
    assert "true boxes" in call("check", spots).out
    (tmp_path / "images").symlink_to(spots / "images")
    assert "true boxes" not in call("check", tmp_path, "--labels", tmp_path / "labels.csv").out


def test_wrong_boxes_are_found_before_there_is_a_run(spots: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1\nimages/00.jpg,10,10,5,20\n")
    words = ["--boxes", tmp_path / "boxes.csv", "--out", tmp_path / "run", *FAST]
    assert "row 2" in call("train", spots, "--method", "cam", *words).error
    assert not (tmp_path / "run").exists()


def test_a_backbone_without_such_a_map_is_refused_before_there_is_a_run(
    spots: Path, tmp_path: Path, call: Call
) -> None:
    words = ["--backbone", "mobilenetv3_small_050", "--weights", "none", "--image-size", "32", "--device", "cpu"]
    words += ["--precision", "fp32", "--layout", "contiguous"]
    answer = call("train", spots, "--method", "cam", "--out", tmp_path / "run", *words)
    assert "can't be read from it" in answer.err
    assert not (tmp_path / "run").exists()


def test_a_rate_at_which_the_network_for_boxes_would_learn_nothing_is_refused(
    spots: Path, tmp_path: Path, call: Call
) -> None:
    for method in ("psol", "lchp"):
        words = ["--backbone-lr", "0", "--out", tmp_path / method, *FAST]
        assert "would leave the network that finds boxes" in call("train", spots, "--method", method, *words).error
        assert not (tmp_path / method).exists()


def test_a_classifier_of_task_classify_has_maps_too(spots: Path, tmp_path: Path, call: Call) -> None:
    out = tmp_path / "run"
    assert call("train", spots, "--method", "supervised", "--image-size", "16", "--out", out, *FAST).code == 0
    assert "gt_known" not in figures(call("evaluate", out, spots).out)
    assert "gt_known" in figures(call("evaluate", out, spots, "--map", "cam").out)
    said = call("evaluate", out, spots, "--boxes", spots / "boxes.csv").error
    assert "is of classify; leave it out, or give --map" in said


def test_a_turned_image_has_its_boxes_in_the_pixels_of_its_file(tmp_path: Path) -> None:
    """Orientation 6 shows the file turned by a quarter: its boxes turn with it, and what is written turns back."""
    from fewlabels.data.labels.classes import CLASSES
    from fewlabels.data.pixels.frames import frames
    from fewlabels.data.read import read
    from fewlabels.data.true_boxes import read_boxes

    folder = write_spots(tmp_path / "turned", orientation=6)
    dataset = read(CLASSES, str(folder))
    boxes = read_boxes(dataset, TrainOptions(data=str(folder)))
    assert boxes is not None
    upright = np.asarray(ImageOps.exif_transpose(Image.open(folder / dataset.paths[0])).convert("L"))
    x0, y0, x1, y1 = (boxes.corners[0] * np.tile(upright.shape[::-1], 2)).round().astype(int)
    assert upright[y0:y1, x0:x1].min() > 200
    assert upright.shape == SIZE
    written = frames(dataset).to_stored(boxes.corners)
    np.testing.assert_allclose(written[0], [24, 12, 34, 20])


def test_an_image_of_one_pixel_gets_the_box_that_it_is(run: Path, tmp_path: Path, call: Call) -> None:
    Image.new("RGB", (1, 1), (200, 10, 10)).save(tmp_path / "one.png")
    (row,) = read_csv(call("predict", run, tmp_path / "one.png").out)
    assert all(0 <= float(row[name]) <= 1 for name in CORNERS)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("images/00.jpg,100,100,120,120", "row 2"),
        ("images/00.jpg,10,10,5,20", "row 2"),
        ("images/00.jpg,ten,10,15,20", "row 2"),
        ("images/99.jpg,0,0,5,5", "images/99.jpg"),
    ],
)
def test_a_box_that_cant_be_is_one_sentence(
    run: Path, spots: Path, tmp_path: Path, call: Call, line: str, says: str
) -> None:
    (tmp_path / "boxes.csv").write_text(f"path,x0,y0,x1,y1\n{line}\n")
    error = call("evaluate", run, spots, "--boxes", tmp_path / "boxes.csv").error
    assert "boxes.csv" in error
    assert says in error


def test_a_box_without_area_is_never_hit(run: Path, spots: Path, tmp_path: Path, call: Call) -> None:
    (tmp_path / "boxes.csv").write_text("path,x0,y0,x1,y1\nimages/12.jpg,5,5,5,5\n")
    found = figures(call("evaluate", run, spots, "--split", "test", "--boxes", tmp_path / "boxes.csv").out)
    assert (found["num_boxed"], found["gt_known"]) == (1, 0)


def test_data_without_boxes_are_judged_by_class_alone(tmp_path: Path, call: Call) -> None:
    folder = write_spots(tmp_path / "spots")
    (folder / "boxes.csv").unlink()
    out = tmp_path / "run"
    assert call("train", folder, "--method", "cam", "--image-size", "16", "--out", out, *FAST).code == 0
    test = json.loads((out / "metrics.json").read_text())["test"]
    assert "accuracy" in test
    assert "gt_known" not in test


def test_what_is_not_of_this_task_is_said_at_once(spots: Path, run: Path, call: Call) -> None:
    assert "--boxes is for --task localize" in call("train", spots, "--method", "fixmatch", "--boxes", "b.csv").error
    assert "did you mean 'cam'" in call("evaluate", run, spots, "--map", "camm").error
    assert "--known-proportion is for --task multilabel" in call(
        "train", spots, "--method", "cam", "--known-proportion", "0.5"
    ).error  # fmt: skip


def test_check_counts_the_boxes_and_lists_what_is_wrong_with_them(spots: Path, tmp_path: Path, call: Call) -> None:
    good = call("check", spots)
    assert good.code == 0
    assert "18 true boxes in 18 images, used for evaluation and not for training" in good.out
    assert "boxes.csv' is not read" not in good.out
    lines = ["path,x0,y0,x1,y1", "images/00.jpg,10,10,5,20", "images/01.jpg,a,0,9,9", "images/02.jpg,0,0,999,9"]
    (tmp_path / "boxes.csv").write_text("\n".join(lines))
    bad = call("check", spots, "--boxes", tmp_path / "boxes.csv")
    assert bad.code == 2
    assert [line.split(":")[1].split()[-1] for line in bad.out.splitlines() if line.startswith("fault")] == list("234")
    assert "3 faults" in bad.out


def test_the_last_words_of_a_run_are_of_its_boxes(spots: Path, tmp_path: Path, call: Call) -> None:
    said = call("train", spots, "--method", "cam", "--image-size", "16", "--out", tmp_path / "run", *FAST).out
    assert "% on 6 test images with true boxes" in said
