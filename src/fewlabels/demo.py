"""The demo: the same few labels of the digits, alone and with the unlabelled images."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.files import write_json, write_text
from fewlabels.options import TrainOptions
from fewlabels.report.island import read_face
from fewlabels.report.page import render
from fewlabels.run.train import train
from fewlabels.tasks.task import face_of

STEPS = 600
"""Fewer steps than by default, so that six runs end within three minutes on two cores."""


def demo(out: Path, method: str, labels: int, draws: int, say: Callable[[str], None]) -> dict[str, list[float]]:
    """Train ``supervised`` and ``method`` on several label draws of the digits.

    Returns:
        Test accuracy per draw, by method; also in ``summary.json``, next to a report of all runs.

    Raises:
        UserError: ``out`` is a folder that was not created by ``fewlabels demo``.
    """
    _clear(out, ("supervised", method))
    runs = {name: [out / f"{name}-{draw}" for draw in range(draws)] for name in ("supervised", method)}
    accuracies: dict[str, list[float]] = {name: [] for name in runs}
    for name, folders in runs.items():
        for draw, folder in enumerate(folders):
            say(f"{name}, {labels} labels, draw {draw + 1} of {draws}")
            train(
                TrainOptions(data="digits", method=name, num_labels=labels, seed=draw, steps=STEPS, out=str(folder)),
                say=say,
            )
            accuracies[name].append(json.loads((folder / "metrics.json").read_text())["test"]["accuracy"])
    pages = [folder / "report.html" for folders in runs.values() for folder in folders]
    write_text(out / "report.html", render([read_face(page, face_of) for page in pages]))
    write_json(out / "summary.json", accuracies)
    return accuracies


def _clear(out: Path, methods: tuple[str, ...]) -> None:
    """Remove an earlier demo, finished or not, and nothing else."""
    if not out.exists():
        return
    for entry in out.iterdir():
        if entry.name not in ("summary.json", "report.html") and entry.name.rpartition("-")[0] not in methods:
            raise UserError(f"{out} holds '{entry.name}', not created by `fewlabels demo`; give another --out")
    shutil.rmtree(out)
