"""Predict new images with a trained model."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import torch

from fewlabels.data.dataset import Dataset
from fewlabels.data.read import read_unlabelled
from fewlabels.evaluation.outcome import Answers
from fewlabels.run.inputs import model_answers
from fewlabels.run.saved_model import load_model
from fewlabels.tasks.task import Task, load_task
from fewlabels.training.machine import pick_device


@dataclass(frozen=True)
class Predicted:
    """The predictions of a model for some images."""

    task: Task
    paths: tuple[str, ...]
    classes: tuple[str, ...]
    answers: Answers
    images: Dataset

    def to_csv(self, all_classes: bool = False) -> str:
        """Return CSV text: ``path``, the task's columns, and with ``all_classes`` the probability of every class."""
        table = self.task.format_predictions(self.classes, self.answers, all_classes, self.images)
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", *table.columns])
        writer.writerows([self.paths[number], *cells] for number, cells in table.rows)
        return text.getvalue()


def predict(
    run: Path, images: Path, device: str | None = None, skip_bad: bool = False
) -> tuple[Predicted, tuple[str, ...]]:
    """Predict every image in a folder, or one image.

    Args:
        run: a finished run.
        images: a folder of images, or one image file.
        device: cpu, cuda, cuda:N or mps (default: cuda or mps where available).
        skip_bad: leave out files that can't be read instead of stopping.

    Returns:
        The predictions, and notes for the user about the images.

    Raises:
        UserError: for a run folder without a model, or images that can't be read.
    """
    where = pick_device(device)
    saved = load_model(run, where)
    dataset = read_unlabelled(images, skip_bad=skip_bad)
    task = load_task(saved.task)
    answers = model_answers(task, saved, dataset, where, torch.arange(len(dataset)))
    return Predicted(task, dataset.paths, saved.classes, answers, dataset), dataset.notes
