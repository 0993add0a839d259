"""Task ``regress``: one number per image."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import TEST, TRAIN, VAL, Dataset
from fewlabels.data.read import read
from fewlabels.data.split import LabelSplit, split_names
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import logits
from fewlabels.options import Settings, TrainOptions
from fewlabels.report.content.figures import Figure
from fewlabels.report.face import Face
from fewlabels.tasks.task import PredictionTable, Task
from fewlabels.training.experiment import Experiment
from fewlabels_regress.labels import NO_NUMBER, NUMBERS


class RegressFace(Face):
    """The headline figure; everything else in the report is the default of any task."""

    figure = Figure("rmse", "root mean squared error", "{:.3f}".format, higher_is_better=False)


class Regress(Task):
    """``Dataset.labels`` are (N,) float32, not a number where unlabelled."""

    name = "regress"
    columns = ("path", "split", "given", "label", "confidence", "accepted")
    label_kind = NUMBERS
    face = RegressFace

    def read(self, options: TrainOptions) -> Dataset:
        """Read a folder with a CSV of numbers."""
        labels = Path(options.labels) if options.labels else None
        return read(NUMBERS, options.data, labels, Path(options.root), options.skip_bad)

    def draw(self, dataset: Dataset, settings: Settings, method: type[Method]) -> LabelSplit:
        """Give training all labels of training images."""
        train = dataset.rows(TRAIN)
        labelled = train[NUMBERS.is_labelled(dataset.labels[train])]
        given = np.full_like(dataset.labels, NO_NUMBER)
        given[labelled] = dataset.labels[labelled]
        return LabelSplit(labelled, given, train, dataset.rows(VAL), dataset.rows(TEST))

    def probabilities(self, model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
        """Compute the numbers, (N, 1)."""
        return logits(model, inputs)

    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """Measure the error on test images."""

        def measure(model: Classifier, method: Method) -> dict[str, Any]:
            rows = experiment.split.test
            found = self.probabilities(model, experiment.trunk.plain(torch.from_numpy(rows)))
            figures = self.metrics_of(Answers(found), torch.from_numpy(experiment.dataset.labels)[rows])
            return {f"test_{name}": figures[name] for name in ("rmse",) if name in figures}

        return measure

    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """Return a row per image."""
        rows = []
        for row, (name, given) in enumerate(zip(split_names(dataset, split), split.given.tolist(), strict=True)):
            known = "" if given != given else f"{given:.6g}"
            found = known or ("" if predictions is None else f"{float(predictions.probabilities[row, 0]):.6g}")
            rows.append((dataset.paths[row], name, known, found, "", "" if predictions is None else 1))
        return rows

    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """Compute the error on test and validation images."""
        labels, found = torch.from_numpy(experiment.dataset.labels), outcome.predictions.probabilities
        splits = (("test", experiment.split.test), ("val", experiment.split.val))
        return {name: self.metrics_of(Answers(found[rows]), labels[rows]) for name, rows in splits}

    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """Compute the root mean squared error over the labelled images."""
        known = ~labels.isnan()
        if not bool(known.any()):
            return {}
        error = (answers.probabilities[known, 0] - labels[known]).double()
        return {"rmse": float((error**2).mean().sqrt()), "num_images": int(known.sum())}

    def known(self, dataset: Dataset) -> Tensor:
        """Return which images have a number."""
        return torch.from_numpy(NUMBERS.is_labelled(dataset.labels))

    def classes_present(self, labels: Tensor) -> list[int]:
        """List the one output."""
        return [0]

    def remap_labels(self, labels: Tensor, index: Mapping[int, int], num_classes: int) -> Tensor:
        """Return the numbers as they are."""
        return labels

    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> PredictionTable:
        """Give the number of each image."""
        rows = ((number, (f"{value:.6g}",)) for number, (value,) in enumerate(answers.probabilities.tolist()))
        return PredictionTable(("value",), rows)


task = Regress()
