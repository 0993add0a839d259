"""What a user asked for, checked as far as that goes without the data; this module does not import torch."""

from dataclasses import dataclass, replace
from pathlib import Path

from fewlabels.methods.catalogue import check_parameters
from fewlabels.options import TrainOptions, validate
from fewlabels.tasks.choose import choose_task


@dataclass(frozen=True)
class Request:
    """Options that do not contradict each other, with the task and the run folder they stand for."""

    options: TrainOptions
    task: str
    out: Path


def make_request(options: TrainOptions) -> Request:
    """Check the options, and fill in task and run folder.

    Raises:
        UserError: for values out of range, an unknown method or parameter, or an option of another task.
    """
    validate(options)
    task = choose_task(options)
    check_parameters(options.method, options.parameters, task)
    out = options.out or f"runs/{_run_name(options)}"
    return Request(replace(options, task=task, out=out), task, Path(out))


def _run_name(options: TrainOptions) -> str:
    """A folder name that says what is run."""
    source = [Path(options.labelled_from).name] if options.labelled_from else []
    return "-".join([*source, Path(options.data).name, options.method, str(options.seed)])
