"""What the page shows of a multi-label run, as data."""

from typing import Any

import numpy as np
import torch

from fewlabels.data.dataset import PRESENT, UNKNOWN
from fewlabels.report.summary import RunSummary
from fewlabels.tasks.task import Outcome, about_method
from fewlabels.training.experiment import Prepared


def summarise_marks(
    prepared: Prepared, outcome: Outcome, name: str, config: dict[str, Any], metrics: dict[str, dict[str, Any]],
    history: list[dict[str, Any]],
) -> RunSummary:  # fmt: skip
    """Curves, figures and counts per class."""
    dataset, split, found = prepared.dataset, prepared.split, outcome.predictions
    unknown = torch.from_numpy(split.given == UNKNOWN)
    trained = torch.zeros(len(dataset), 1, dtype=torch.bool)
    trained[split.labelled] = True
    given = np.sum(split.given == PRESENT, 0).tolist()
    accepted = (found.accepted & unknown & trained & (found.probabilities >= 0.5)).sum(0).tolist()
    figures = {part: {key: value for key, value in row.items() if key != "AP"} for part, row in metrics.items()}
    return RunSummary(
        name=name, config=about_method(prepared) | config, metrics=figures, history=history,
        classes=list(dataset.classes), confusion=None, label_counts=dict(zip(dataset.classes, given, strict=True)),
        pseudo_counts=dict(zip(dataset.classes, accepted, strict=True)), notes=prepared.notes,
    )  # fmt: skip
