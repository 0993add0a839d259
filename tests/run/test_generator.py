"""``--method.generator RUN``: LCHP and PSOL learn the boxes that another run found."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from tests.tiny import STEPS, Case, case_options, sha256, stop_after, write_tiny

from fewlabels.errors import Interrupted, UserError
from fewlabels.options import TrainOptions
from fewlabels.run.train import train

SIDE = 8
LEARNERS = ["lchp", "psol"]
CORNERS = ("x0", "y0", "x1", "y1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def generator(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run whose ledger has another box for every image."""
    folder = run(case_options(root, Case("localize", "cam"), tmp_path_factory.mktemp("runs") / "found"))
    rows = read(folder)
    for number, row in enumerate(rows):
        row |= {"x0": f"{number % 4}", "y0": "1.25", "x1": f"{4 + number % 5}.00", "y1": f"{3 + number % 3}.5"}
    write(folder, rows)
    return folder


@pytest.fixture(scope="module")
def finished(root: Path, generator: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("runs")
    return {method: run(learning(root, method, generator, folder / method)) for method in LEARNERS}


def learning(root: Path, method: str, generator: Path, out: Path, **changes: object) -> TrainOptions:
    return case_options(root, Case("localize", method), out, parameters={"generator": str(generator)}, **changes)


def run(options: TrainOptions, resume: bool = False, say: Callable[[str], None] = lambda _: None) -> Path:
    return train(options, resume, say)


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(folder: Path, rows: list[dict[str, str]]) -> None:
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def learned(folder: Path, step: int) -> torch.Tensor:
    return load_file(folder / "checkpoint" / f"step-{step:09d}" / "tensors.safetensors")["method/boxes"]


@pytest.mark.parametrize("method", LEARNERS)
def test_the_boxes_of_the_ledger_are_what_is_learned(finished: dict[str, Path], generator: Path, method: str) -> None:
    """In fractions of images of 8 x 8 pixels, and for as long as the run takes."""
    expected = torch.tensor([[float(row[name]) / SIDE for name in CORNERS] for row in read(generator)])
    for step in (0, STEPS):
        torch.testing.assert_close(learned(finished[method], step), expected)


@pytest.mark.parametrize("method", LEARNERS)
@pytest.mark.parametrize("stop", [1, STEPS - 1])
def test_a_stopped_run_resumes_bit_for_bit_without_the_other_run(
    root: Path, finished: dict[str, Path], generator: Path, tmp_path: Path, method: str, stop: int
) -> None:
    gone = tmp_path / generator.name
    shutil.copytree(generator, gone)
    options = learning(root, method, gone, tmp_path / "run")
    with stop_after(stop), pytest.raises(Interrupted):
        run(options)
    shutil.rmtree(gone)
    lines: list[str] = []
    run(options, resume=True, say=lines.append)
    assert f"resuming at step {stop}" in lines
    for file in ("model.safetensors", "labels.csv"):
        assert sha256(tmp_path / "run" / file) == sha256(finished[method] / file)
    figures = [json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path / "run", finished[method])]
    assert figures[0]["generator"] == figures[1]["generator"]


def test_a_run_says_where_its_boxes_are_from(root: Path, generator: Path, tmp_path: Path) -> None:
    lines: list[str] = []
    folder = run(learning(root, "psol", generator, tmp_path / "run"), say=lines.append)
    note = "the second network learns the boxes that the run 'found' found by cam"
    assert f"note: {note}" in lines
    assert note in (folder / "report.html").read_text(encoding="utf-8")
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["parameters"]["generator"] == str(generator)
    assert (config["record"]["generator"]["run"], config["record"]["generator"]["method"]) == ("found", "cam")


def test_the_final_boxes_are_compared_with_those_of_the_ledger(finished: dict[str, Path], generator: Path) -> None:
    """The mean IoU over the 48 training images, by hand; boxes in the ledger are rounded to a hundredth of a pixel."""
    figures = json.loads((finished["psol"] / "metrics.json").read_text())["generator"]
    pairs = [
        [np.array([float(row[name]) for name in CORNERS]) for row in pair]
        for pair in zip(read(finished["psol"]), read(generator), strict=True)
        if pair[0]["split"] == "train"
    ]
    sizes = [(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])).clip(0).prod() for a, b in pairs]
    unions = [(a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - size for (a, b), size in zip(pairs, sizes, strict=True)]
    assert figures["num_images"] == len(pairs) == 48
    assert figures["mean_iou"] == pytest.approx(np.divide(sizes, unions).mean(), abs=2e-3)
    assert 0 < figures["flip_iou"] <= 1
    assert 0 < figures["generator_flip_iou"] <= 1


def test_own_boxes_are_the_default(root: Path, tmp_path: Path) -> None:
    folder = run(case_options(root, Case("localize", "lchp"), tmp_path / "run"))
    assert "generator" not in json.loads((folder / "metrics.json").read_text())
    assert yaml.safe_load((folder / "config.yaml").read_text())["parameters"]["generator"] == "own"


def test_boxes_of_turned_photographs_are_turned(tmp_path: Path) -> None:
    """The ledger has pixels of the stored image, and the network sees the upright one."""
    (data := tmp_path / "data").mkdir()
    turned = Image.Exif()
    turned[0x0112] = 6  # the stored rows are the upright columns, from the right
    for name in ("a", "b"):
        Image.new("RGB", (16, 8), "red" if name == "a" else "blue").save(data / f"{name}.png", exif=turned)
    (data / "labels.csv").write_text("path,label\na.png,red\nb.png,blue\n")
    options = TrainOptions(
        data=str(data), task="localize", method="cam", out=str(tmp_path / "found"), steps=1, image_size=16,
        weights="none", batch_size=2, device="cpu", precision="fp32", layout="contiguous", threads=1,
    )  # fmt: skip
    rows = read(run(options))
    for row in rows:
        row |= dict(zip(CORNERS, ("4", "2", "12", "8"), strict=True))
    write(tmp_path / "found", rows)
    given = {"generator": str(tmp_path / "found")}
    options = replace(options, method="psol", out=str(tmp_path / "run"), parameters=given)
    upright = torch.tensor([[0.0, 4 / 16, 1 - 2 / 8, 12 / 16]] * 2)
    torch.testing.assert_close(learned(run(options), 0), upright)


Change = Callable[[Path], object]


def without_a_box(folder: Path) -> None:
    rows = read(folder)
    rows[5] |= dict.fromkeys(CORNERS, "")
    write(folder, rows)


def without_an_image(folder: Path) -> None:
    write(folder, [row for row in read(folder) if row["path"] != "train/000005"])


def of_larger_images(folder: Path) -> None:
    rows = read(folder)
    rows[5]["x1"] = "20.00"
    write(folder, rows)


def of_another_task(folder: Path) -> None:
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("task: localize", "task: classify"))


@pytest.mark.parametrize("method", LEARNERS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (shutil.rmtree, r"there is no run folder of that name \(no config.yaml\); name a finished run of --task"),
        (lambda folder: (folder / "config.yaml").unlink(), r"there is no run folder of that name \(no config.yaml\)"),
        (of_another_task, "is a run of --task classify, which has no boxes; name a finished run of --task localize"),
        (lambda folder: (folder / "metrics.json").unlink(), "is not finished and has no boxes yet; finish it"),
        (without_a_box, "its labels.csv has no box for 'train/000005'; train that run on the same images"),
        (without_an_image, "its labels.csv has no box for 'train/000005'; train that run on the same images"),
        (of_larger_images, "its box of 'train/000005' reaches out of the image, so the run is of another image"),
    ],
)  # fmt: skip
def test_a_run_without_fitting_boxes_is_refused_before_anything_is_written(
    root: Path, generator: Path, tmp_path: Path, method: str, change: Change, message: str
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(generator, folder)
    change(folder)
    with pytest.raises(UserError, match=message) as refused:
        run(learning(root, method, folder, tmp_path / "run"))
    assert str(refused.value).startswith(f"--method.generator {folder}")
    assert not re.search(r"\n|\. ", str(refused.value))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("method", "parameters", "message"),
    [
        ("psol", {"features": "trained"}, "--method.features trained is for PSOL's own boxes"),
        ("lchp", {"stage": "pseudo-label"}, "--method.stage pseudo-label trains no network on boxes"),
    ],
)
def test_parameters_that_leave_the_boxes_without_use_are_refused(
    root: Path, generator: Path, tmp_path: Path, method: str, parameters: dict[str, str], message: str
) -> None:
    options = learning(root, method, generator, tmp_path / "run")
    options.parameters.update(parameters)
    with pytest.raises(UserError, match=message):
        run(options)


def test_a_damaged_record_of_the_boxes_is_refused(root: Path, generator: Path, tmp_path: Path) -> None:
    options = learning(root, "psol", generator, tmp_path / "run")
    with stop_after(1), pytest.raises(Interrupted):
        run(options)
    config = tmp_path / "run" / "config.yaml"
    config.write_text(re.sub(r"flip_iou: .*", "flip_iou: high", config.read_text()))
    with pytest.raises(UserError, match="its record of the boxes is damaged"):
        run(options, resume=True)
