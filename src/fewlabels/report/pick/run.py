"""What every run stores in its page."""

from typing import Any

from fewlabels.report.summary import Content, MethodNote, RunSummary
from fewlabels.training.experiment import Experiment


def summarise(
    task: str,
    experiment: Experiment,
    own: Content,
    *,
    name: str,
    config: dict[str, Any],
    metrics: dict[str, dict[str, Any]],
    history: list[dict[str, Any]],
) -> RunSummary:
    """Put together the content of a report.

    Args:
        task: name of the task.
        experiment: a finished run.
        own: the content of the task.
        name: of the run folder.
        config: content of config.yaml.
        metrics: content of metrics.json; lists, with a figure per class, are left to the task.
        history: rows of history.csv.
    """
    figures = {
        split: {key: value for key, value in row.items() if not isinstance(value, list)}
        for split, row in metrics.items()
    }
    method = experiment.method
    return RunSummary(
        name=name, task=task, config=config, metrics=figures, history=history, classes=list(experiment.dataset.classes),
        notes=list(experiment.notes), weights_notes=list(experiment.weights_notes),
        method=MethodNote(method.title, method.paper, method.idea), own=own,
    )  # fmt: skip
