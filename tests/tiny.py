"""A data set and a run so small that every method can be tried in a second."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from fewlabels.options import TrainOptions

STEPS = 4


def write_tiny(root: Path, classes: int = 3, train: int = 48, test: int = 24) -> Path:
    """A few real digits as ROOT/mnist.npz."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = (
        (pixels * 255 / 16).round().astype(np.uint8).reshape(-1, 8, 8)[labels < classes],
        labels[labels < classes],
    )
    end = train + test
    arrays = {
        "x_train": pixels[:train],
        "y_train": labels[:train],
        "x_test": pixels[train:end],
        "y_test": labels[train:end],
    }
    np.savez(root / "mnist.npz", **arrays)
    return root


def tiny_options(root: Path, method: str, out: Path, **changes: object) -> TrainOptions:
    """A run of four steps on :func:`write_tiny`'s data."""
    options = TrainOptions(
        data="mnist", root=str(root), method=method, out=str(out), num_labels=6, batch_size=4,
        steps=STEPS, eval_every=2, device="cpu", threads=1,
    )  # fmt: skip
    if method == "linear-probe":
        options = replace(options, steps=None)
    return replace(options, **changes)  # pyright: ignore[reportArgumentType]


def sha256(file: Path) -> str:
    """Hash of a file's bytes."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


@contextmanager
def stop_after(step: int) -> Iterator[None]:
    """Let a SIGTERM arrive while step number ``step`` is being done."""
    import os
    import signal

    from fewlabels.training.observer import RunningMeans

    add, seen = RunningMeans.add, [0]

    def counted(self: RunningMeans, losses: object, total: object) -> None:
        add(self, losses, total)  # pyright: ignore[reportArgumentType]
        seen[0] += 1
        if seen[0] == step:
            os.kill(os.getpid(), signal.SIGTERM)

    RunningMeans.add = counted  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        RunningMeans.add = add
