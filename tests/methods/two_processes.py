"""Train every method for three steps, in float64, and ``auto``, into one run folder each.

``torchrun`` runs this file in two processes; test_two_processes.py compares with one process.
"""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

from tests.float64 import float64
from tests.tiny import TRAINING, Case, case_options, tiny_dataset, tiny_options

from fewlabels.options import TrainOptions
from fewlabels.run.train import train


def options(root: Path, case: Case, out: Path) -> TrainOptions:
    """Return options for three steps, each evaluated, and a network without batch statistics and dropout.

    torch's float64 convolutions are four times as fast in the contiguous layout.
    """
    return case_options(
        root, case, out, steps=3, eval_every=1, backbone="test_convnext", image_size=32, layout="contiguous"
    )


def train_all(root: Path, out: Path) -> None:
    """Train each method that has steps; in the second run, one of two processes is delayed."""
    for turn, case in enumerate(TRAINING):
        if turn == 1 and os.environ.get("RANK") == "1":
            time.sleep(2)
        with float64():
            train(options(root, case, out / str(case)), say=lambda _: None, dataset=tiny_dataset(case.task))


def choose_and_train(root: Path, out: Path) -> None:
    """Let ``auto`` choose among heads on features of a pretrained network."""
    weights = str(root / "pretrained.safetensors")
    auto = tiny_options(root, "auto", out / "auto", weights=weights, backbone="small_cnn", num_labels=18)
    train(auto, say=lambda _: None)


def learn_found_boxes(root: Path, out: Path) -> None:
    """Let LCHP learn the boxes of the run of CAM that :func:`train_all` left."""
    given = {"generator": str(out / "localize-cam"), "stage": "initialise"}
    with float64():
        train(replace(options(root, Case("localize", "lchp"), out / "learned"), parameters=given), say=lambda _: None)


if __name__ == "__main__":
    train_all(Path(sys.argv[1]), Path(sys.argv[2]))
    choose_and_train(Path(sys.argv[1]), Path(sys.argv[2]))
    learn_found_boxes(Path(sys.argv[1]), Path(sys.argv[2]))
