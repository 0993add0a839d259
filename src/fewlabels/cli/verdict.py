"""The last lines of ``fewlabels train``."""

import json
import shlex
from pathlib import Path
from typing import Any

from fewlabels.errors import UserError
from fewlabels.methods.catalogue import AUTO
from fewlabels.options import TrainOptions, read_config
from fewlabels.report.words import NBSP
from fewlabels.tasks.task import face_of


def verdict(run: Path) -> str:
    """Return the main figures of a finished run, and where its labels and its report are.

    Raises:
        UserError: if metrics.json is missing or damaged.
    """
    task = TrainOptions().replaced(read_config(run / "config.yaml")).task or "classify"
    metrics = _metrics(run / "metrics.json")
    lines = [*face_of(task).verdict(metrics), *_choice(metrics.get(AUTO), told="cross_fit" in metrics)]
    files = [f"{run / 'labels.csv'}: labels of all images", f"{run / 'report.html'}: report of the run"]
    if metrics.get("train", {}).get("num_unlabelled"):
        files.append(f"fewlabels next {shlex.quote(str(run))}: the images to label next")
    return "\n".join([*lines, *files]).replace(NBSP, " ")


def _choice(figures: dict[str, Any] | None, told: bool) -> list[str]:
    """Return how ``--method auto`` chose, and its estimate of the accuracy unless it was told already."""
    if figures is None:
        return []
    lines = [f"method {figures['method']}, chosen automatically: {figures['reason']}"]
    if "accuracy" in figures and not told:
        low, high = (100 * figures[f"accuracy_{side}"] for side in ("low", "high"))
        lines.append(
            f"estimated accuracy {100 * figures['accuracy']:.1f} % (95 % interval {low:.1f} to {high:.1f}), from "
            f"{figures['num_images']} labels that neither the choice nor the fit had seen ({figures['folds']} folds)"
        )
    return lines


def _metrics(file: Path) -> dict[str, dict[str, Any]]:
    try:
        metrics = json.loads(file.read_text(encoding="utf-8"))
        if all(isinstance(figures, dict) for figures in metrics.values()):
            return metrics
    except (OSError, ValueError, AttributeError):
        pass
    raise UserError(f"{file} is missing or damaged; delete it and train with --resume")
