"""Methods learn from unlabelled images: real handwriting, 20 labels, several draws of which images are labelled."""

import json
from pathlib import Path
from statistics import mean

import pytest

from fewlabels.options import TrainOptions
from fewlabels.run import train


def accuracy(method: str, draw: int, steps: int, folder: Path) -> float:
    options = TrainOptions(
        data="digits", method=method, num_labels=20, seed=draw, steps=steps, eval_every=steps, device="cpu", threads=1,
        out=str(folder / f"{method}-{draw}"),
    )  # fmt: skip
    run = train(options, say=lambda _: None)
    return json.loads((run / "metrics.json").read_text())["test"]["accuracy"]


def test_fixmatch_beats_labels_alone(tmp_path: Path) -> None:
    """Without its unlabelled loss FixMatch is supervised training and the margin is gone."""
    alone, together = (accuracy(method, 0, 500, tmp_path) for method in ("supervised", "fixmatch"))
    assert together > alone + 0.08


@pytest.mark.slow
@pytest.mark.parametrize(("method", "margin"), [("fixmatch", 0.08), ("freematch", 0.05)])
def test_a_method_beats_labels_alone_over_three_draws(tmp_path: Path, method: str, margin: float) -> None:
    alone = mean(accuracy("supervised", draw, 800, tmp_path) for draw in range(3))
    together = mean(accuracy(method, draw, 800, tmp_path) for draw in range(3))
    assert together > alone + margin
