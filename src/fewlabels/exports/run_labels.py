"""What a finished run says of its training images, and these images, read again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from fewlabels.data.dataset import ArrayImages, Dataset, FileImages
from fewlabels.errors import UserError
from fewlabels.options import TrainOptions, read_config
from fewlabels.run.ledger import read_ledger
from fewlabels.tasks.task import load_task

LedgerRow = dict[str, str]
"""Of the ledger, by column."""


@dataclass(frozen=True)
class RunLabels:
    """The ledger's rows of training images, in its order."""

    run: Path
    columns: tuple[str, ...]
    """Of the ledger; none where it is empty."""
    training: list[LedgerRow]

    @property
    def rows(self) -> list[LedgerRow]:
        """What the run found out: all that was not given, and of images with boxes every one, for nobody drew those."""
        return [row for row in self.training if "x0" in row or not row["given"]]

    @cached_property
    def paths(self) -> list[str]:
        """The images that the run found out something of, each once."""
        return list(dict.fromkeys(row["path"] for row in self.rows))


def read_run_labels(run: Path) -> RunLabels:
    """Read the ledger of a run.

    Raises:
        UserError: where there is none, or the run has not filled it in yet.
    """
    ledger = read_ledger(run / "labels.csv")
    training = [row for row in ledger if row["split"] == "train"]
    if any(not row["confidence"] for row in training):
        raise UserError(f"{run} is not finished; go on with `fewlabels train ... --resume`")
    return RunLabels(run, tuple(ledger[0]) if ledger else (), training)


@dataclass(frozen=True)
class SourceImages:
    """The images of N paths of a ledger."""

    dataset: Dataset
    rows: np.ndarray
    """(N,) int64: their row numbers in the data set."""

    @property
    def names(self) -> list[str]:
        """How other programs may call them: files below the folder of the images, or the ledger's paths."""
        images = self.dataset.images
        return [(images.files if isinstance(images, FileImages) else self.dataset.paths)[row] for row in self.rows]

    def files(self, why: str) -> FileImages:
        """The data set's files; :class:`UserError` where it has none, beginning with who needs them."""
        if isinstance(self.dataset.images, ArrayImages):
            raise UserError(f"{why}, and those of {self.dataset.name} lie in an array; give --format csv")
        return self.dataset.images


def stored_options(run: Path, **places: str | None) -> TrainOptions:
    """The options of a run, with the places where its data lie now where these are said.

    Raises:
        UserError: where there is no configuration, or it is not one.
    """
    if not (run / "config.yaml").is_file():
        raise UserError(f"{run} has no config.yaml, which says where its images lie; give --format csv, or train again")
    options = TrainOptions().replaced(read_config(run / "config.yaml"))
    return replace(options, **{name: place for name, place in places.items() if place is not None})


def read_images(found: RunLabels, options: TrainOptions) -> SourceImages:
    """Read the data set again, and look up the images that the run found out something of.

    Raises:
        UserError: where the data can't be read, or lack an image.
    """
    assert options.task is not None
    try:
        dataset = load_task(options.task).read(options)
    except UserError as error:
        hint = f"--data, --labels and --root say where the data of {found.run} lie now"
        raise UserError(f"{error} ({hint})") from error
    return SourceImages(dataset, _numbers(dataset, found.paths, options.data))


def _numbers(dataset: Dataset, paths: Sequence[str], data: str) -> np.ndarray:
    number = {path: row for row, path in enumerate(dataset.paths)}
    for path in paths:
        if path not in number:
            raise UserError(f"'{path}' is no longer among the images of {data}; restore it, or name them with --data")
    return np.array([number[path] for path in paths], np.int64)
