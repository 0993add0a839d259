"""Run by torchrun: trains every method for three steps and leaves one run folder each (see test_two_processes.py)."""

import sys
from pathlib import Path

from tests.tiny import tiny_options

from fewlabels.methods.catalogue import load_method, method_files
from fewlabels.options import TrainOptions
from fewlabels.run import train


def options(root: Path, name: str, out: Path) -> TrainOptions:
    """Three steps, each evaluated; a network without batch statistics and without dropout."""
    return tiny_options(root, name, out, steps=3, eval_every=1, backbone="test_convnext", image_size=32)


def train_all(root: Path, out: Path) -> None:
    """One run per method that has steps."""
    for name in method_files():
        if load_method(name).trains:
            train(options(root, name, out / name), say=lambda _: None)


if __name__ == "__main__":
    train_all(Path(sys.argv[1]), Path(sys.argv[2]))
