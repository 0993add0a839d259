"""A folder of real digits, a model trained on them for a moment, and the command line in this process."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from fewlabels.cli.main import main

MACHINE = ["--device", "cpu", "--threads", "1", "--precision", "fp32", "--layout", "channels_last"]
"""Fixed, so that nothing is timed to choose it."""
FAST = ["--steps", "10", "--batch-size", "4", "--backbone", "small_cnn", *MACHINE]
NAMES = ("zero", "one", "two")


class Answer(NamedTuple):
    """What the command line said."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; nothing else may have been said."""
        assert self.code == 2, self
        assert self.out == "", self.out
        assert self.err.startswith("fewlabels: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert self.err.endswith("\n")
        return self.err.removeprefix("fewlabels: ").strip()


Call = Callable[..., Answer]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command in this process."""

    def run(*argv: object) -> Answer:
        capsys.readouterr()
        code = main([str(word) for word in argv])
        return Answer(code, *capsys.readouterr())

    return run


def shell(*argv: object, code: str | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command as a user does, in a process of its own."""
    start = ["-m", "fewlabels"] if code is None else ["-c", code]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, *start, *map(str, argv)]
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, env=environment, timeout=120, check=False)


def state_of(folder: Path) -> dict[str, str]:
    """The hash of every file below a folder, and its folders."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def write_digits(folder: Path, labelled: int = 12, train: int = 36, test: int = 30) -> Path:
    """PNG files of the first digits 0, 1, 2 and a labels.csv that leaves most of them unlabelled."""
    pixels, labels = load_digits(return_X_y=True)
    rows = np.flatnonzero(labels < 3)[: train + test]
    (folder / "images").mkdir(parents=True)
    with (folder / "labels.csv").open("w", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "label", "split"])
        for number, row in enumerate(rows):
            path = f"images/{number:03d}.png"
            Image.fromarray((pixels[row].reshape(8, 8) * 15).astype(np.uint8)).save(folder / path)
            name = NAMES[labels[row]] if number < labelled or number >= train else ""
            writer.writerow([path, name, "test" if number >= train else "train"])
    return folder


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed by a test; see :func:`own_digits`."""
    return write_digits(tmp_path_factory.mktemp("data") / "digits")


@pytest.fixture(scope="session")
def trained(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on ``digits``, not to be changed by a test; see :func:`own_run`."""
    out = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", str(digits), "--method", "fixmatch", "--out", str(out), "--method.mu", "2", *FAST]) == 0
    return out


@pytest.fixture
def own_digits(digits: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(digits, tmp_path / "own-data")


@pytest.fixture
def own_run(trained: Path, tmp_path: Path) -> Path:
    """A copy of the finished run to spoil."""
    return shutil.copytree(trained, tmp_path / "own-run")


@pytest.fixture
def unfinished(own_run: Path) -> Path:
    """A copy of the run as it was when it was killed after its last checkpoint."""
    (own_run / "metrics.json").unlink()
    return own_run
