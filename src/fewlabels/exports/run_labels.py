"""The labels that a finished run found for its training images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.options import TrainOptions, read_config
from fewlabels.run.ledger import read_ledger
from fewlabels.tasks.task import FoundLabel, LedgerRow, Task, load_task


@dataclass(frozen=True)
class RunLabels:
    """The rows of the ledger for training images, in its order."""

    run: Path
    options: TrainOptions
    """As in the run's ``config.yaml``."""
    task: Task
    training: list[LedgerRow]
    """All rows of training images, or only those with an accepted or a confident label."""

    @property
    def rows(self) -> list[LedgerRow]:
        """The rows with something that the run found."""
        return [row for row in self.training if self.task.is_found(row)]

    @cached_property
    def images(self) -> list[FoundLabel]:
        """One entry for each image that the run found something for."""
        found = {row["path"] for row in self.rows}
        return self.task.found_labels([row for row in self.training if row["path"] in found])

    @property
    def paths(self) -> list[str]:
        """The path of each of these images."""
        return [image.path for image in self.images]

    def check_format(self, name: str) -> None:
        """Raise :class:`UserError` if the labels of this task can't be written in the format of that name."""
        if name not in self.task.formats:
            others = " or ".join(self.task.formats)
            raise UserError(f"--format {name} can't hold the labels of --task {self.task.name}; give {others}")


def read_run_labels(run: Path, accepted_only: bool = False, least: float = 0) -> RunLabels:
    """Read the ledger of a run.

    Args:
        run: a run folder.
        accepted_only: leave out the labels that the method does not accept.
        least: leave out labels that no person gave and whose confidence is lower.

    Raises:
        UserError: if a file is missing or damaged, or the run is not finished.
    """
    training = [row for row in read_ledger(run / "labels.csv") if row["split"] == "train"]
    if not (run / "metrics.json").is_file():  # written last
        raise UserError(f"{run} is not finished; continue it with `fewlabels train ... --resume`")
    if not (run / "config.yaml").is_file():
        raise UserError(f"{run} has no config.yaml, which names its task and its data; train the run again")
    options = TrainOptions().replaced(read_config(run / "config.yaml"))
    _check_confidences(run, training)
    rows = [row for row in training if row["accepted"] == "1"] if accepted_only else training
    if least > 0:
        rows = [row for row in rows if row["given"] or float(row["confidence"] or 0) >= least]
    return RunLabels(run, options, load_task(options.task or "classify"), rows)


def _check_confidences(run: Path, rows: list[LedgerRow]) -> None:
    for row in rows:
        try:
            valid = 0 <= float(row["confidence"] or 0) <= 1
        except ValueError:
            valid = False
        if not valid:
            raise UserError(
                f"{run / 'labels.csv'}: the confidence of '{row['path']}' is '{row['confidence']}', not a number from "
                "0 to 1; train the run again"
            )
