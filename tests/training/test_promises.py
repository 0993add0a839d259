"""Promises about a run that no single part can keep alone."""

import csv
import re
import typing
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.tiny import sha256, tiny_options, write_tiny

from fewlabels.errors import UserError
from fewlabels.methods.method import Batch, Losses, Unlabelled
from fewlabels.models.averaging import WeightAverage
from fewlabels.run.train import train


def silent(_: str) -> None:
    pass


def png_folder(root: Path) -> Path:
    """The tiny digits as PNG files with a CSV that labels six of them."""
    write_tiny(root)
    arrays = np.load(root / "mnist.npz")
    folder = root / "images"
    folder.mkdir()
    rows, seen = [], [0, 0, 0]
    for number, (pixels, label) in enumerate(zip(arrays["x_train"], arrays["y_train"], strict=True)):
        Image.fromarray(pixels).save(folder / f"{number:03d}.png")
        if seen[label] < 2:
            rows.append((f"{number:03d}.png", label))
            seen[label] += 1
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("path", "label"), *rows])
    return folder


def test_the_unlabelled_stream_has_no_place_for_a_label() -> None:
    assert set(typing.get_type_hints(Unlabelled)) == {"views", "rows"}


def test_the_number_of_workers_does_not_change_a_run(tmp_path: Path) -> None:
    folder = png_folder(tmp_path)
    hashes = set()
    for name, changes in {"memory": {}, "none": {"memory": 0.0}, "two": {"memory": 0.0, "workers": 2}}.items():
        options = tiny_options(tmp_path, "fixmatch", tmp_path / name, data=str(folder), num_labels=None, **changes)
        run = train(options, say=silent)
        hashes.add((sha256(run / "model.safetensors"), sha256(run / "labels.csv")))
    assert len(hashes) == 1


def test_the_test_labels_change_no_weight(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for root in (first, second):
        root.mkdir()
        write_tiny(root)
    arrays = dict(np.load(second / "mnist.npz"))
    arrays["y_test"] = (arrays["y_test"] + 1) % 3
    np.savez(second / "mnist.npz", **arrays)
    runs = [train(tiny_options(root, "freematch", root / "run"), say=silent) for root in (first, second)]
    assert sha256(runs[0] / "model.safetensors") == sha256(runs[1] / "model.safetensors")
    assert (runs[0] / "metrics.json").read_text() != (runs[1] / "metrics.json").read_text()


def test_a_loss_that_is_no_number_ends_the_run_and_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fewlabels.methods.classify.fixmatch import FixMatch

    losses = FixMatch.losses

    def spoilt(self: FixMatch, batch: Batch) -> Losses:
        good = losses(self, batch)
        return Losses({**good.terms, "broken": torch.tensor(float("nan"))}) if batch.step == 2 else good

    options = tiny_options(write_tiny(tmp_path), "fixmatch", tmp_path / "run", eval_every=1)
    monkeypatch.setattr(FixMatch, "losses", spoilt)
    with pytest.raises(UserError, match=r"not a finite number before step 3.*--lr"):
        train(options, say=silent)
    assert [p.name for p in (tmp_path / "run" / "checkpoint").iterdir()] == ["step-000000000"]


def test_the_report_says_that_the_last_averaged_model_was_used(tmp_path: Path) -> None:
    run = train(tiny_options(write_tiny(tmp_path), "supervised", tmp_path / "run"), say=silent)
    assert "last averaged model" in (run / "report.html").read_text()


def test_a_first_checkpoint_stands_before_the_first_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: WeightAverage, model: object) -> None:
        raise RuntimeError("the first step")

    monkeypatch.setattr(WeightAverage, "update", fail)
    with pytest.raises(RuntimeError, match="the first step"):
        train(tiny_options(write_tiny(tmp_path), "supervised", tmp_path / "run"), say=silent)
    assert (tmp_path / "run" / "checkpoint" / "step-000000000" / "manifest.json").is_file()


FIXED_DEVICE = re.compile(
    r"""\.cuda\(|set_default_(device|tensor_type)|cuda\.(set|current)_device|(device=|\.to\()["'](cuda|mps)"""
)


def test_every_device_is_the_one_that_was_asked_for() -> None:
    """Nothing moves to a device by its name, or to whichever is the current one."""
    repository = Path(__file__).parents[2]
    every = [file for part in ("src", "tests", "benchmarks") for file in (repository / part).rglob("*.py")]
    files = [file for file in every if file != Path(__file__)]  # the examples below
    assert len(files) > 200
    assert [file for file in files if FIXED_DEVICE.search(file.read_text(encoding="utf-8"))] == []
    for line in ("x.cuda()", "x.to('cuda:0')", 'torch.zeros(3, device="mps")', "torch.cuda.set_device(rank)"):
        assert FIXED_DEVICE.search(line)
