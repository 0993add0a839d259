"""Task ``multilabel``: several classes per image, each known to be present or absent, or unknown."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.auto.choice import Choice
from fewlabels.auto.cross_fitting import held_out_logits
from fewlabels.auto.evidence import trained_choice
from fewlabels.auto.heads import FOLDS, PoolFeatures
from fewlabels.auto.marks import choose_marks_head
from fewlabels.auto.request import AutoRequest
from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, VAL, Dataset
from fewlabels.data.labels.known_proportion import drop_marks
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.data.split import LabelSplit, split_names
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import UserError
from fewlabels.evaluation.calibration import LEAST_VALIDATION, Calibration, fit_mark_temperature
from fewlabels.evaluation.folds import plain_folds
from fewlabels.evaluation.multilabel import multilabel_metrics
from fewlabels.evaluation.multilabel_monitor import MultilabelMonitor
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.methods.catalogue import load_method, method_names
from fewlabels.methods.method import Method, Pool
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, logits
from fewlabels.options import Settings, TrainOptions
from fewlabels.randomness import key_of, permutation
from fewlabels.report.content.multilabel import MultilabelContent
from fewlabels.report.content.multilabel_face import MultilabelFace
from fewlabels.report.pick.multilabel import multilabel_content
from fewlabels.tasks.task import FoundLabel, LedgerRow, PredictionTable, Task
from fewlabels.training.experiment import Experiment

_WORDS = {PRESENT: "1", ABSENT: "0", UNKNOWN: ""}


class MultiLabel(Task):
    """``Dataset.labels`` are (N, K) int8 marks: PRESENT, ABSENT or UNKNOWN."""

    name = "multilabel"
    label_kind = MARKS
    columns = ("path", "split", "class", "given", "label", "confidence", "accepted")
    formats = ("csv", "label-studio")
    face = MultilabelFace
    least_batch = 32
    small_steps = 4000

    def read(self, options: TrainOptions) -> Dataset:
        """Read a folder with a CSV of marks, or a known data set."""
        labels = Path(options.labels) if options.labels else None
        return read(self.label_kind, options.data, labels, Path(options.root), options.skip_bad)

    def draw(self, dataset: Dataset, settings: Settings, method: type[Method]) -> LabelSplit:
        """Keep the requested share of the marks of all training images; validation images keep all of theirs.

        An image without a known mark is trained on too, with its pseudo-labels (docs/papers/saliency-regularization.md,
        R17).
        """
        train = dataset.rows(TRAIN)
        given = np.full_like(dataset.labels, UNKNOWN)
        kept = 1.0 if settings.known_proportion is None else settings.known_proportion
        given[train] = drop_marks(dataset.labels[train], kept, settings.label_seed)
        order = permutation(key_of(settings.label_seed, "validation"), len(train)).numpy()
        held = train[order[: round(settings.val_fraction * len(train))]]
        given[held], train = UNKNOWN, np.setdiff1d(train, held)
        _check_marks(dataset, given, settings, method)
        val = np.sort(np.concatenate([held, dataset.rows(VAL)]))
        return LabelSplit(train, given, train, val, dataset.rows(TEST))

    def choose(self, request: AutoRequest) -> Choice:
        """Cross-fit heads on the features of a fixed network; whole networks are chosen by evidence."""
        if request.small or request.trained:
            return trained_choice(self.name, request.small)
        experiment = request.prepare("linear-probe").experiment
        rows = torch.from_numpy(experiment.split.labelled)
        request.say(f"embedding {len(experiment.dataset)} images once; then candidates take seconds")
        raw = features(experiment.method.model, experiment.trunk.plain(rows))
        pool = PoolFeatures(raw, len(experiment.dataset.classes))
        return choose_marks_head(pool, experiment.split.given[experiment.split.labelled], request.seed)

    def probabilities(self, model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
        """Compute sigmoid probabilities."""
        return (logits(model, inputs) / model.temperature).sigmoid()

    def uncalibrated(self, probabilities: Tensor, temperature: float) -> Tensor:
        """Undo the division of the logits by the temperature."""
        return probabilities if temperature == 1 else (temperature * probabilities.logit()).sigmoid()

    def calibrate(self, experiment: Experiment, model: Classifier, pool: Pool) -> Calibration:
        """Fit one temperature for all classes to marks that the head had not seen, or of validation images."""
        annotated = np.flatnonzero((pool.labels != 0).any(1).cpu().numpy())
        refit = experiment.method.refit(pool)
        if refit is not None and len(annotated) >= 2:
            folds = plain_folds(annotated, FOLDS, experiment.settings.seed)
            rows, found = held_out_logits(refit, folds)
            marks = pool.labels[rows].cpu().numpy()
            return Calibration(fit_mark_temperature(found, marks)[0], "held-out labels", len(rows))
        marks = experiment.dataset.labels[experiment.split.val]
        if len(marks) < LEAST_VALIDATION or not marks.any():
            return Calibration()
        found = logits(model, experiment.trunk.plain(torch.from_numpy(experiment.split.val))).numpy()
        return Calibration(fit_mark_temperature(found, marks)[0], "validation images", len(marks))

    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """Measure mAP and the state of the unknown marks."""
        return MultilabelMonitor(experiment.dataset, experiment.split, experiment.trunk.plain)

    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """Return a row per image and class."""
        names, rows = split_names(dataset, split), []
        probabilities = None if predictions is None else predictions.probabilities.tolist()
        accepted = None if predictions is None else predictions.accepted.tolist()
        for row, marks in enumerate(split.given.tolist()):
            for k, mark in enumerate(marks):
                said = (_WORDS[mark], "", int(bool(mark)) or "")
                if probabilities is not None and accepted is not None:
                    p = probabilities[row][k]
                    present = mark == PRESENT if mark else p >= 0.5
                    said = (int(present), f"{p if present else 1 - p:.6f}", int(bool(mark) or accepted[row][k]))
                rows.append((dataset.paths[row], names[row], dataset.classes[k], _WORDS[mark], *said))
        return rows

    def found_labels(self, rows: Iterable[LedgerRow]) -> list[FoundLabel]:
        """Return all classes that are present in each image, given or found; the confidence is of the found ones."""
        by_path: dict[str, list[LedgerRow]] = {}
        for row in rows:
            by_path.setdefault(row["path"], []).append(row)
        return [
            FoundLabel(
                path, tuple(row["class"] for row in own if row["label"] == "1"),
                min(float(row["confidence"]) for row in own if self.is_found(row)),
            )
            for path, own in by_path.items()
        ]  # fmt: skip

    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """Compute figures of test and validation images, and of hidden marks of training images."""
        labels, found = torch.from_numpy(experiment.dataset.labels), outcome.predictions.probabilities
        split = experiment.split
        metrics = {
            name: self.metrics_of(Answers(found[rows]), labels[rows])
            for name, rows in (("test", split.test), ("val", split.val))
        }
        hidden = torch.where(torch.from_numpy(split.given) == UNKNOWN, labels, UNKNOWN)[split.labelled]
        if bool((hidden != UNKNOWN).any()):
            metrics["unknown"] = self.metrics_of(Answers(found[split.labelled]), hidden)
        return metrics

    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """Compute mAP, precision, recall and F1."""
        return dict(multilabel_metrics(answers.probabilities, labels))

    def known(self, dataset: Dataset) -> Tensor:
        """Return which images have a known mark."""
        return torch.from_numpy((dataset.labels != UNKNOWN).any(1))

    def complete(self, dataset: Dataset) -> Tensor:
        """Return which images have no unknown mark."""
        return torch.from_numpy((dataset.labels != UNKNOWN).all(1))

    def classes_present(self, labels: Tensor) -> list[int]:
        """List the classes that have a known mark."""
        return torch.nonzero((labels != UNKNOWN).any(0))[:, 0].tolist()

    def remap_labels(self, labels: Tensor, index: Mapping[int, int], num_classes: int) -> Tensor:
        """Reorder the columns; the model's other classes are unknown."""
        found = labels.new_full((len(labels), num_classes), UNKNOWN)
        for k, place in index.items():
            found[:, place] = labels[:, k]
        return found

    def content(
        self, experiment: Experiment, outcome: Outcome, metrics: dict[str, dict[str, Any]]
    ) -> MultilabelContent:
        """Collect counts, average precisions, probabilities, class maps and marks to review."""
        return multilabel_content(experiment, outcome, metrics)

    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> PredictionTable:
        """Give a row per image and class, label 1 from probability 0.5 on; ``probability`` with ``all_classes``."""
        columns = ("class", "label", "confidence", *(["probability"] if all_classes else []))
        rows = (
            (number, (name, int(p >= 0.5), f"{max(p, 1 - p):.6f}", *([f"{p:.6f}"] if all_classes else [])))
            for number, row in enumerate(answers.probabilities.tolist())
            for name, p in zip(classes, row, strict=True)
        )
        return PredictionTable(columns, rows)


def _check_marks(dataset: Dataset, given: np.ndarray, settings: Settings, method: type[Method]) -> None:
    """Raise UserError where the method can't learn from the given marks (N, K)."""
    more = "" if settings.known_proportion in (None, 1) else " or give a larger --known-proportion"
    if not (given == PRESENT).any():
        what = f"{dataset.name}: no training image has a class that is known to be present"
        raise UserError(f"{what}; mark some with 1{more}")
    if _needs_absent(method) and not (given == ABSENT).any():
        others = [other for other in method_names("multilabel") if not _needs_absent(load_method(other, "multilabel"))]
        raise UserError(
            f"{dataset.name}: every known mark is 'present', and '{settings.method}' needs absent ones too; "
            f"mark some with 0{more}, or use {', '.join(others)}, which take the unknown for absent"
        )


def _needs_absent(method: type[Method]) -> bool:
    assert issubclass(method, MultiLabelMethod)
    return method.needs_absent


task = MultiLabel()
