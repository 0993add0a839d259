"""What a task is: what a label is, and so how it is read, hidden, predicted, judged and written down."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Tensor

from fewlabels.data.dataset import Dataset
from fewlabels.data.split import LabelSplit
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.options import Settings, TrainOptions
from fewlabels.training.experiment import Experiment

if TYPE_CHECKING:
    from fewlabels.report.summary import RunSummary
    from fewlabels.training.experiment import Experiment


LedgerRow = dict[str, str]
"""One row of labels.csv, by column."""


class FoundLabel(NamedTuple):
    """The label of one image of a finished run, for the files of other programs."""

    path: str
    classes: tuple[str, ...]
    """The classes that are present."""
    confidence: float
    """From 0 to 1; the lowest, where an image has several labels."""
    box: tuple[float, float, float, float] | None = None
    """x0, y0, x1, y1 in pixels of the stored image, in a task that has boxes."""


class Task(ABC):
    """One object without state per task; a run asks it in the order in which the methods stand here."""

    name: ClassVar[str]
    columns: ClassVar[tuple[str, ...]]
    """Of the ledger."""
    formats: ClassVar[tuple[str, ...]] = ("csv",)
    """Formats in which ``fewlabels label`` can write the labels of this task."""
    least_batch: ClassVar[int] = 0
    """Labelled images that a batch has at least, where nothing else is asked for."""
    small_steps: ClassVar[int | None] = None
    """Steps of small pictures on a CPU, where they differ from those of ``classify``."""

    @abstractmethod
    def read(self, options: TrainOptions) -> Dataset:
        """The data that the options name; :class:`UserError` where something is wrong with them."""

    @abstractmethod
    def draw(self, dataset: Dataset, settings: Settings, method: type[Method]) -> LabelSplit:
        """The labels that this run may see; :class:`UserError` where the method can't learn from them."""

    @abstractmethod
    def probabilities(self, model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
        """(N, K) float32 on the CPU: what a model says of images."""

    def answers(self, model: Classifier, inputs: Iterable[Tensor], classes: Tensor | None = None) -> Answers:
        """All that a model says of images.

        Args:
            model: of this task.
            inputs: batches of network input.
            classes: (N,) int64, the class of each image where it is known, UNLABELLED where it is not: of which class
                a task with boxes then says where it is.
        """
        return Answers(self.probabilities(model, inputs))

    def true_boxes(self, dataset: Dataset, options: TrainOptions) -> TrueBoxes | None:
        """The boxes to judge by, in a task that has them; None where the data have none. Never for training."""
        return None

    @abstractmethod
    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """What is measured at every evaluation: columns of history.csv."""

    @abstractmethod
    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """The rows of labels.csv under ``columns``; before training (None) only what was given is filled in."""

    @abstractmethod
    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """The final figures of each split, as fractions."""

    @abstractmethod
    def summarise(
        self, experiment: Experiment, outcome: Outcome, name: str, config: dict[str, Any],
        metrics: dict[str, dict[str, Any]], history: list[dict[str, Any]],
    ) -> "RunSummary":  # fmt: skip
        """What the report shows."""

    @abstractmethod
    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """The figures of N answers to images with these labels, and boxes; empty where there are none."""

    def extra_metrics(
        self, model: Classifier, inputs: Iterable[Tensor], answers: Answers, labels: Tensor, boxes: TrueBoxes | None
    ) -> dict[str, Any]:
        """Further figures, which only ``evaluate`` asks for because they take another pass over the images."""
        return {}

    @abstractmethod
    def known(self, dataset: Dataset) -> Tensor:
        """(N,) bool: which images have a label to compare with."""

    @abstractmethod
    def classes_present(self, labels: Tensor) -> list[int]:
        """The classes that these labels of a data set say something of."""

    @abstractmethod
    def remap_labels(self, labels: Tensor, index: Mapping[int, int], num_classes: int) -> Tensor:
        """These labels in the classes of a model: each class k in use is the model's class ``index[k]``."""

    def is_found(self, row: LedgerRow) -> bool:
        """Return whether a row of the ledger holds something that the run found: a label that was not given."""
        return not row["given"]

    def found_labels(self, rows: Iterable[LedgerRow]) -> list[FoundLabel]:
        """Return the label of each image in these rows of the ledger, for the formats other than CSV."""
        return [FoundLabel(row["path"], (row["label"],), float(row["confidence"])) for row in rows]

    @abstractmethod
    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> "PredictionTable":
        """What ``predict`` writes of the answers to these images."""


@dataclass(frozen=True)
class PredictionTable:
    """Columns, and rows of an image each or more, the image's number first."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[int, tuple[Any, ...]]]


def predict_all(task: Task, experiment: Experiment, model: Classifier) -> Predictions:
    """Predict every image of the data set."""
    rows, given = torch.arange(len(experiment.dataset)), torch.from_numpy(experiment.split.given)
    found, boxes = task.answers(model, experiment.trunk.plain(rows), given)
    device = next(experiment.method.parameters()).device
    return Predictions(found, experiment.method.accepts(found.to(device)).cpu(), boxes)


def about_method(experiment: Experiment) -> dict[str, Any]:
    """What the report says of the method in words."""
    method = experiment.method
    return {"title": method.title, "paper": method.paper, "idea": method.idea}


def load_task(name: str) -> Task:
    """The task of that name, of ``catalogue.TASKS``."""
    return import_module(f"fewlabels.tasks.{name}").task
