"""Task ``localize``: one class per image, and a predicted box; training uses no true boxes."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.auto.box_maps import TRIED_FOR_BOXES, BoxMap, choose_box_map
from fewlabels.auto.choice import Choice
from fewlabels.auto.evidence import trained_choice, without_weights
from fewlabels.auto.heads import HEADS
from fewlabels.auto.request import AutoRequest
from fewlabels.data.dataset import TRAIN, UNLABELLED, Dataset
from fewlabels.data.pixels.frames import frames
from fewlabels.data.split import LabelSplit
from fewlabels.data.true_boxes import TrueBoxes, read_boxes
from fewlabels.errors import NoWeights, UserError
from fewlabels.evaluation.classification_monitor import ClassificationMonitor
from fewlabels.evaluation.flip_agreement import flip_agreement, mirrored_rows
from fewlabels.evaluation.localization import (
    best_iou,
    iou,
    kept_by_confidence,
    localization_metrics,
    max_box_accuracy,
    mean_area,
)
from fewlabels.evaluation.localization_monitor import LocalizationMonitor
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import evaluating
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.regions import crop_and_resize, has_area
from fewlabels.models.maps.stage_maps import last_stage
from fewlabels.options import TrainOptions
from fewlabels.randomness import key_of, permutation
from fewlabels.report.content.localize import LocalizeContent
from fewlabels.report.content.localize_face import LocalizeFace
from fewlabels.report.pick.localize import localize_content
from fewlabels.tasks.classify import Classify
from fewlabels.tasks.task import FoundLabel, LedgerRow, PredictionTable
from fewlabels.training.experiment import Experiment
from fewlabels.training.generator import Origin
from fewlabels.training.trunk import Plain

CORNERS = ("x0", "y0", "x1", "y1")
"""Columns of a box in files: pixels of the stored image, before any EXIF rotation."""

BOX_HEADS = tuple(head for head in HEADS if "scaling" not in head.parameters)
"""The heads that ``map-probe`` has."""


class Localize(Classify):
    """Data and labels are those of ``classify``. True boxes are read separately, for evaluation only."""

    name = "localize"
    columns = (*Classify.columns, *CORNERS)
    formats = ("csv", "label-studio", "coco", "folder")
    face = LocalizeFace
    least_batch = 32
    small_steps = 5000

    def choose(self, request: AutoRequest) -> Choice:
        """Choose the map of a fixed network without boxes, and the head by cross-fitting.

        Whole networks are trained on small images where a pretrained network finds no objects.
        """
        if request.trained:
            return trained_choice(self.name, request.small)
        try:
            tried = request.prepare("map-probe")
        except NoWeights as error:
            if not request.small:
                raise
            return without_weights(self.name, error, request.say)
        found = self._box_map(tried.experiment, request.seed)
        if request.small and not found.finds_objects:
            request.say("a pretrained network does not tell objects from their background here; so one is trained")
            return trained_choice(self.name, request.small)
        head = self.choose_head(tried, request, BOX_HEADS)
        kind = "graph" if head.method == "graph-probe" else "linear"
        parameters = {"map": found.map, "threshold": found.threshold, "head": kind, **head.parameters}
        reason = f"{found.reason}; classes by {head.name}: {head.reason}"
        return replace(head, method="map-probe", parameters=parameters, reason=reason)

    def _box_map(self, experiment: Experiment, seed: int) -> BoxMap:
        """Choose the map for boxes on some training images."""
        pool, model = experiment.split.pool, experiment.method.model
        some = permutation(key_of(seed, "box map"), len(pool)).numpy()[:TRIED_FOR_BOXES]
        images = experiment.trunk.plain(torch.from_numpy(np.sort(pool[some])))
        return choose_box_map((last_stage(model, x) for x in images), experiment.spec.image_size)

    def answers(self, model: Classifier, inputs: Iterable[Tensor], classes: Tensor | None = None) -> Answers:
        """Compute softmax probabilities and boxes; where the class is known, the box of that class."""
        assert isinstance(model, Localizer)
        probabilities, boxes, done = [], [], 0
        with evaluating(model):
            for x in inputs:
                known = None if classes is None else classes[done : done + len(x)].to(x.device)
                found = model.locate(x, known)
                probabilities.append((found.logits.float() / model.temperature).softmax(1).cpu())
                boxes.append(found.boxes.cpu())
                done += len(x)
        if not done:
            return Answers(torch.zeros(0, model.num_classes), torch.zeros(0, 4))
        return Answers(torch.cat(probabilities), torch.cat(boxes))

    def true_boxes(self, dataset: Dataset, options: TrainOptions) -> TrueBoxes | None:
        """Read true boxes from ``--boxes``, the data folder or the known data set."""
        return read_boxes(dataset, options)

    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """Measure accuracies and localization."""
        boxes = self.true_boxes(experiment.dataset, experiment.settings)

        def metrics_of(model: Classifier, rows: np.ndarray) -> dict[str, Any]:
            return self._judge_rows(model, experiment.dataset, experiment.trunk.plain, rows, boxes)

        return LocalizationMonitor(
            ClassificationMonitor(experiment.dataset, experiment.split, experiment.trunk.plain, say), metrics_of
        )

    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """Return a row per image, its box in the last columns."""
        rows = super().ledger(dataset, split, predictions)
        if predictions is None or predictions.boxes is None:
            return [(*row, *[""] * len(CORNERS)) for row in rows]
        return [(*row, *corners) for row, corners in zip(rows, _written(dataset, predictions.boxes), strict=True)]

    def is_found(self, row: LedgerRow) -> bool:
        """Return True: no person gave the box, even where the class was given."""
        return True

    def found_labels(self, rows: Iterable[LedgerRow]) -> list[FoundLabel]:
        """Return the class and the box of each image in these rows of the ledger."""
        return [
            FoundLabel(
                row["path"], (row["label"],), float(row["confidence"]),
                (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"])),
            )
            for row in rows
        ]  # fmt: skip

    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """Compute the figures of ``classify``, the area of all boxes, and localization where there are true boxes."""
        metrics = super().metrics(experiment, outcome)
        if (found := outcome.predictions.boxes) is not None:
            metrics["boxes"] = {"mean_area": mean_area(found), "num_images": len(found)}
            if experiment.origin is not None:
                metrics["generator"] = self._compare_with_generator(experiment, experiment.origin, outcome, found)
        boxes = self.true_boxes(experiment.dataset, experiment.settings)
        for name, rows in (("test", experiment.split.test), ("val", experiment.split.val)):
            known = rows[experiment.dataset.labels[rows] != UNLABELLED]
            if boxes is not None and len(known):
                metrics[name] = self._judge_rows(outcome.model, experiment.dataset, outcome.plain, known, boxes)
        return metrics

    def _compare_with_generator(
        self, experiment: Experiment, origin: Origin, outcome: Outcome, found: Tensor
    ) -> dict[str, Any]:
        """Compare the boxes (N, 4) with those that the method learned, on training images and without true boxes."""
        assert isinstance(outcome.model, Localizer)
        train, some = torch.from_numpy(experiment.dataset.rows(TRAIN)), mirrored_rows(experiment.dataset)
        learned = experiment.method.get_buffer("boxes").cpu()
        return {
            "run": origin.run,
            "method": origin.method,
            "mean_iou": float(iou(found[train], learned[train]).mean()),
            "num_images": len(train),
            "flip_iou": flip_agreement(outcome.model, outcome.plain(some)),
            "generator_flip_iou": origin.flip_iou,
            "num_mirrored": len(some),
        }

    def _judge_rows(
        self, model: Classifier, dataset: Dataset, plain: Plain, rows: np.ndarray, boxes: TrueBoxes | None
    ) -> dict[str, Any]:
        labels = torch.from_numpy(dataset.labels)[rows]
        answers = self.answers(model, plain(torch.from_numpy(rows)), labels)
        return self.metrics_of(answers, labels, boxes and boxes.of(rows))

    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """Compute the figures of ``classify``, and with true boxes GT-Known, Top-1 and Top-5 localization."""
        figures = super().metrics_of(answers, labels)
        if boxes is None or answers.boxes is None:
            return figures
        return figures | dict(localization_metrics(answers.probabilities, labels, best_iou(answers.boxes, boxes)))

    def extra_metrics(
        self, model: Classifier, inputs: Iterable[Tensor], answers: Answers, labels: Tensor, boxes: TrueBoxes | None
    ) -> dict[str, Any]:
        """How many boxes are kept at each confidence of the classifier in what is in them, and how many of these are
        right (LCHP, PredictionTable 4).
        """
        if boxes is None or answers.boxes is None:
            return {}
        confidence = self.confidence(model, inputs, answers.boxes)
        figures: dict[str, Any] = {}
        for threshold, kept, right in kept_by_confidence(confidence, best_iou(answers.boxes, boxes)):
            figures |= {f"kept({threshold:g})": kept, f"gt_known({threshold:g})": right}
        return figures

    @torch.no_grad()
    def confidence(self, model: Classifier, inputs: Iterable[Tensor], boxes: Tensor) -> Tensor:
        """Compute (N,) confidences in the content of each box; -1 without area (docs/papers/lchp.md, L13)."""
        found, done = [], 0
        with evaluating(model):
            for x in inputs:
                crops = crop_and_resize(x, boxes[done : done + len(x)].to(x.device), x.shape[2])
                found.append(model(crops).float().softmax(1).amax(1).cpu())
                done += len(x)
        return torch.where(has_area(boxes), torch.cat(found), -1.0)

    def max_box_acc(
        self, model: Classifier, inputs: Iterable[Tensor], labels: Tensor, boxes: TrueBoxes, side: int
    ) -> dict[str, Any]:
        """Compute MaxBoxAcc of the maps that a model's boxes come from, enlarged to the images' side.

        Raises:
            UserError: the boxes do not come from a map.
        """
        assert isinstance(model, Localizer)
        if model.locator is not None:
            raise UserError("--max-box-acc is for boxes from a map, and a network predicts these; give --map too")
        maps, done = [], 0
        with evaluating(model):
            for x in inputs:
                maps.append(model.maps(x, labels[done : done + len(x)].to(x.device)).detach().cpu())
                done += len(x)
        return dict(max_box_accuracy(torch.cat(maps), boxes, side))

    def content(self, experiment: Experiment, outcome: Outcome, metrics: dict[str, dict[str, Any]]) -> LocalizeContent:
        """Collect the content of ``classify`` and boxes."""
        boxes = self.true_boxes(experiment.dataset, experiment.settings)
        return localize_content(experiment, outcome, boxes)

    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> PredictionTable:
        """Give the most probable class and its box, and with ``all_classes`` a column ``p(CLASS)`` per class."""
        assert answers.boxes is not None
        table = super().format_predictions(classes, answers, all_classes, images)
        corners = _written(images, answers.boxes)
        rows = ((number, (*cells[:2], *corners[number], *cells[2:])) for number, cells in table.rows)
        return PredictionTable((*table.columns[:2], *CORNERS, *table.columns[2:]), rows)


def _written(dataset: Dataset, boxes: Tensor) -> list[tuple[str, ...]]:
    """Format boxes in pixels of the stored images, rounded to a hundredth."""
    pixels = frames(dataset).to_stored(boxes.double().numpy())
    return [tuple(f"{value:.2f}" for value in row) for row in pixels.tolist()]


task = Localize()
