"""Train a model and leave a run folder. This module is light: torch is imported when the request is found sound."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fewlabels.options import TrainOptions
from fewlabels.run.request import make_request

if TYPE_CHECKING:
    from fewlabels.data.dataset import Dataset


def train(
    options: TrainOptions, resume: bool = False, say: Callable[[str], None] = print, dataset: "Dataset | None" = None
) -> Path:
    """Train a model as the options say and leave a run folder.

    Args:
        options: None in an option means that it is decided from the data and the device (docs/defaults.md).
        resume: continue a run that was stopped in the same folder; where there is none, start it.
        say: receives one line of text at a time.
        dataset: images already read; ``options.data`` is then only their name.

    Returns:
        The run folder.

    Raises:
        UserError: for anything wrong with options, data or run folder; nothing that existed is lost.
        Interrupted: after SIGTERM or Ctrl-C; ``resume`` continues from there.
    """
    request = make_request(options)
    from fewlabels.run.execution import execute

    return execute(request, resume, say, dataset)
