"""The interface of a task: what a label is, and how it is read, hidden, predicted, evaluated and written."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from fewlabels.auto.choice import Choice
from fewlabels.auto.request import AutoRequest
from fewlabels.data.dataset import Dataset
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.split import LabelSplit
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import UserError
from fewlabels.evaluation.calibration import Calibration
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.extensions import load_registered, registered
from fewlabels.methods.catalogue import TASKS, check_task
from fewlabels.methods.method import Method, Pool
from fewlabels.models.classifier import Classifier
from fewlabels.options import Settings, TrainOptions
from fewlabels.report.face import Face
from fewlabels.report.summary import Content
from fewlabels.training.experiment import Experiment

LedgerRow = dict[str, str]
"""One row of labels.csv, by column."""


class FoundLabel(NamedTuple):
    """The label of one image of a finished run, for the files of other programs."""

    path: str
    classes: tuple[str, ...]
    """The classes that are present."""
    confidence: float
    """From 0 to 1; the lowest, where an image has several labels; 0 in a task without confidences."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels of the stored image, in a task that has boxes."""


class Task(ABC):
    """A task, one object without state; a run calls its methods in the order given here."""

    name: ClassVar[str]
    label_kind: ClassVar[LabelKind[Any]]
    """What a label is in the data of this task."""
    columns: ClassVar[tuple[str, ...]]
    """Columns of the ledger, labels.csv."""
    face: ClassVar[type[Face[Any]]]
    """Presents a run of this task in the report."""
    formats: ClassVar[tuple[str, ...]] = ("csv",)
    """Formats in which ``fewlabels label`` can write the labels of this task."""
    least_batch: ClassVar[int] = 0
    """Lower bound of the default number of labelled images in a batch."""
    small_steps: ClassVar[int | None] = None
    """Default steps for small images on a CPU; None: as in ``classify``."""

    @abstractmethod
    def read(self, options: TrainOptions) -> Dataset:
        """Read the data that the options name; :class:`UserError` where something is wrong with them."""

    @abstractmethod
    def draw(self, dataset: Dataset, settings: Settings, method: type[Method]) -> LabelSplit:
        """Draw the labels that this run may see; :class:`UserError` where the method can't learn from them."""

    def choose(self, request: AutoRequest) -> Choice:
        """Choose a method for ``--method auto``.

        Raises:
            UserError: if the task has no way to choose.
        """
        raise UserError(f"--task {self.name} has no automatic choice of the method; name one with --method")

    @abstractmethod
    def probabilities(self, model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
        """Predict batches of network input: (N, K) float32 on the CPU."""

    def uncalibrated(self, probabilities: Tensor, temperature: float) -> Tensor:
        """Undo the division of the logits by the temperature: thresholds of methods are for their own confidences."""
        return probabilities if temperature == 1 else (temperature * probabilities.log()).softmax(1)

    def answers(self, model: Classifier, inputs: Iterable[Tensor], classes: Tensor | None = None) -> Answers:
        """Compute all answers of a model.

        Args:
            model: of this task.
            inputs: batches of network input.
            classes: (N,) int64, the class of each image, UNLABELLED where it is unknown; a task with boxes localizes
                the known class.
        """
        return Answers(self.probabilities(model, inputs))

    def calibrate(self, experiment: Experiment, model: Classifier, pool: Pool) -> Calibration:
        """Fit the temperature of a trained model, on labels that it did not learn from and never on test images."""
        return Calibration()

    def true_boxes(self, dataset: Dataset, options: TrainOptions) -> TrueBoxes | None:
        """Read the true boxes of a task that has boxes, for evaluation only; None where there are none."""
        return None

    @abstractmethod
    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """Return what is called at every evaluation; it gives columns of history.csv."""

    @abstractmethod
    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """Return the rows of labels.csv; before training (``predictions`` None) only given labels are filled in."""

    @abstractmethod
    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """Compute the final figures of each split, as fractions."""

    def content(self, experiment: Experiment, outcome: Outcome, metrics: dict[str, dict[str, Any]]) -> Content:
        """Collect what the report shows only for this task; ``face`` presents it."""
        return Content()

    @abstractmethod
    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """Compute the figures of N answers, given labels and boxes; empty where there are no images."""

    def extra_metrics(
        self, model: Classifier, inputs: Iterable[Tensor], answers: Answers, labels: Tensor, boxes: TrueBoxes | None
    ) -> dict[str, Any]:
        """Compute further figures that take another pass over the images; only ``evaluate`` asks for them."""
        return {}

    @abstractmethod
    def known(self, dataset: Dataset) -> Tensor:
        """Return (N,) bool: which images have a label."""

    def complete(self, dataset: Dataset) -> Tensor:
        """Return (N,) bool: for which images nothing is left to label."""
        return self.known(dataset)

    @abstractmethod
    def classes_present(self, labels: Tensor) -> list[int]:
        """List the classes for which these labels hold information, as indices."""

    @abstractmethod
    def remap_labels(self, labels: Tensor, index: Mapping[int, int], num_classes: int) -> Tensor:
        """Map labels to the classes of a model: class k of the data is the model's class ``index[k]``."""

    def is_found(self, row: LedgerRow) -> bool:
        """Return whether a row of the ledger holds something that the run found: a label that was not given."""
        return not row["given"]

    def found_labels(self, rows: Iterable[LedgerRow]) -> list[FoundLabel]:
        """Return the label of each image in these rows of the ledger, for the formats other than CSV."""
        return [FoundLabel(row["path"], (row["label"],), float(row["confidence"] or 0)) for row in rows]

    @abstractmethod
    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> "PredictionTable":
        """Return the table that ``predict`` writes."""


@dataclass(frozen=True)
class PredictionTable:
    """Columns, and rows of (number of the image, cells); an image may have several rows."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[int, tuple[Any, ...]]]


def predict_all(task: Task, experiment: Experiment, model: Classifier) -> Predictions:
    """Predict every image of the data set."""
    rows, given = torch.arange(len(experiment.dataset)), torch.from_numpy(experiment.split.given)
    found, boxes = task.answers(model, experiment.trunk.plain(rows), given)
    device = next(experiment.method.parameters()).device
    raw = task.uncalibrated(found, model.temperature)
    return Predictions(found, experiment.method.accepts(raw.to(device)).cpu(), boxes)


_NEEDED = ("name", "label_kind", "columns", "face")
"""Attributes without a default, which Python does not check when a task is made."""


def load_task(name: str) -> Task:
    """Load a task of this package, or one that another package registers.

    Raises:
        UserError: there is no such task, it can't be imported, or it is not complete.
    """
    if name in TASKS:
        return import_module(f"fewlabels.tasks.{name}").task
    check_task(name)
    task = load_registered(registered("fewlabels.tasks")[name])
    missing = [each for each in _NEEDED if not hasattr(task, each)]
    if missing:
        raise UserError(
            f"the task '{name}' of another package has no {', '.join(missing)}; see fewlabels.tasks.task.Task"
        )
    return task


def face_of(name: str) -> type[Face[Any]]:
    """Return the face of the task of that name; :class:`UserError` if there is none."""
    return load_task(name).face
