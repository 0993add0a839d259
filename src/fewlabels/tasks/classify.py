"""Task ``classify``: one class per image, or none."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.auto.choice import Choice
from fewlabels.auto.cross_fitting import held_out_logits
from fewlabels.auto.evidence import trained_choice, without_weights
from fewlabels.auto.heads import FOLDS, HEADS, Given, Head, PoolFeatures, choose_head, quick_heads
from fewlabels.auto.request import AutoRequest, Tried
from fewlabels.data.adapt import read_adapted
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.read import read
from fewlabels.data.split import LabelSplit, draw_split, split_names
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import NoWeights, UserError
from fewlabels.evaluation.calibration import LEAST_VALIDATION, Calibration, fit_temperature
from fewlabels.evaluation.classification import classification_metrics
from fewlabels.evaluation.classification_monitor import ClassificationMonitor
from fewlabels.evaluation.cross_fit import cross_fit
from fewlabels.evaluation.folds import stratified_folds
from fewlabels.evaluation.outcome import Answers, Outcome, Predictions
from fewlabels.methods.catalogue import method_names
from fewlabels.methods.method import Method, Pool
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, logits, probabilities
from fewlabels.options import Settings, TrainOptions
from fewlabels.randomness import key_of, permutation
from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.content.classify_face import ClassifyFace
from fewlabels.report.pick.classify import classify_content
from fewlabels.tasks.choose import has_marks
from fewlabels.tasks.task import PredictionTable, Task
from fewlabels.training.experiment import Experiment

TRIED_IMAGES = 10_000
"""Pool images that candidates are tried on, so that trying them takes minutes at most; the chosen one uses all."""


class Classify(Task):
    """``Dataset.labels`` are (N,) int64: the class, or UNLABELLED."""

    name = "classify"
    label_kind = CLASSES
    columns = ("path", "split", "given", "label", "confidence", "accepted")
    formats = ("csv", "label-studio", "folder")
    face = ClassifyFace

    def read(self, options: TrainOptions) -> Dataset:
        """Read a folder or a known data set; two of them for domain adaptation."""
        _refuse_marks(options, self.name)
        labels = Path(options.labels) if options.labels else None
        root, source = Path(options.root), options.labelled_from
        if source is not None:
            return read_adapted(options.data, source, labels, root, options.skip_bad)
        return read(self.label_kind, options.data, labels, root, options.skip_bad)

    def draw(self, dataset: Dataset, settings: Settings, method: type[Method]) -> LabelSplit:
        """Draw the run's labels, and check that an unlabelled pool is left."""
        split = draw_split(
            dataset, settings.label_seed, settings.num_labels, settings.label_fraction, settings.val_fraction,
            settings.pool,
        )  # fmt: skip
        if not len(split.pool):
            raise UserError("no unlabelled image is left with --pool unlabelled; use --pool all or label fewer")
        return split

    def choose(self, request: AutoRequest) -> Choice:
        """Cross-fit heads on the features of a fixed network; whole networks are chosen by evidence.

        Whole networks are for small grey images, and for small images where there are no pretrained weights.
        """
        if request.trained or (request.small and request.grey):
            return trained_choice(self.name, request.small)
        try:
            tried = request.prepare("linear-probe")
        except NoWeights as error:
            if not request.small:
                raise
            return without_weights(self.name, error, request.say)
        if tried.experiment.settings.weights == "none":  # a backbone was named; its random features say little
            return trained_choice(self.name, request.small)
        return self.choose_head(tried, request, HEADS)

    def choose_head(self, tried: Tried, request: AutoRequest, heads: tuple[Head, ...]) -> Choice:
        """Cross-fit heads on the labelled images and those of the pool, at most :data:`TRIED_IMAGES` of the latter."""
        experiment, split = tried.experiment, tried.experiment.split
        some = permutation(key_of(request.seed, "auto"), len(split.pool)).numpy()[:TRIED_IMAGES]
        rows = torch.from_numpy(np.union1d(split.labelled, split.pool[some]))
        request.say(f"embedding {len(rows)} images; then candidates take seconds")
        raw = features(experiment.method.model, experiment.trunk.plain(rows))
        given = Given(np.searchsorted(rows.numpy(), split.labelled), split.given[split.labelled])
        pool = PoolFeatures(raw, len(experiment.dataset.classes))
        return choose_head(pool, given, request.seed, quick_heads(heads) if tried.hurried else heads)

    def probabilities(self, model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
        """Compute softmax probabilities."""
        return probabilities(model, inputs)

    def calibrate(self, experiment: Experiment, model: Classifier, pool: Pool) -> Calibration:
        """Fit a temperature to labels that the head had not seen, or to validation images; never to test images."""
        labels, refit = pool.labels.cpu().numpy(), experiment.method.refit(pool)
        folds = stratified_folds(labels, FOLDS, experiment.settings.seed)
        if refit is not None and folds:
            rows, found = held_out_logits(refit, folds)
            return Calibration(fit_temperature(found, labels[rows])[0], "held-out labels", len(rows))
        val = experiment.split.val
        val = val[experiment.dataset.labels[val] != UNLABELLED]
        if len(val) < LEAST_VALIDATION:
            return Calibration()
        found = logits(model, experiment.trunk.plain(torch.from_numpy(val))).numpy()
        return Calibration(fit_temperature(found, experiment.dataset.labels[val])[0], "validation images", len(val))

    def watch(
        self, experiment: Experiment, say: Callable[[str], None]
    ) -> Callable[[Classifier, Method], dict[str, Any]]:
        """Measure accuracies and the state of the pseudo-labels."""
        return ClassificationMonitor(experiment.dataset, experiment.split, experiment.trunk.plain, say)

    def ledger(self, dataset: Dataset, split: LabelSplit, predictions: Predictions | None) -> list[tuple[Any, ...]]:
        """Return a row per image."""
        known = [dataset.classes[k] if k != UNLABELLED else "" for k in split.given]
        if predictions is None:
            said = [(name, "", 1 if name else "") for name in known]
        else:
            said = self._said(dataset, torch.from_numpy(split.given), predictions)
        names = split_names(dataset, split)
        return [(*row[:3], *row[3]) for row in zip(dataset.paths, names, known, said, strict=True)]

    def _said(self, dataset: Dataset, given: Tensor, predictions: Predictions) -> list[tuple[str, str, int]]:
        """Return label, confidence and acceptance of every image."""
        known = given != UNLABELLED
        label = torch.where(known, given, predictions.probabilities.argmax(1))
        confidence = predictions.probabilities.gather(1, label[:, None])[:, 0]
        accepted = known | predictions.accepted
        rows = zip(label.tolist(), confidence.tolist(), accepted.tolist(), strict=True)
        return [(dataset.classes[k], f"{p:.6f}", int(yes)) for k, p, yes in rows]

    def metrics(self, experiment: Experiment, outcome: Outcome) -> dict[str, dict[str, Any]]:
        """Compute figures of test images, validation images and hidden labels; cross-fit without a test split."""
        labels, found = torch.from_numpy(experiment.dataset.labels), outcome.predictions.probabilities
        metrics: dict[str, dict[str, Any]] = {}
        split = experiment.split
        for name, rows in (("test", split.test), ("val", split.val), ("unlabelled", split.unlabelled)):
            known = torch.from_numpy(rows)[labels[rows] != UNLABELLED]
            metrics[name] = self.metrics_of(Answers(found[known]), labels[known])
        if not metrics["unlabelled"]:
            del metrics["unlabelled"]
        if not metrics["test"]:
            rows = torch.from_numpy(split.labelled)
            seen = features(outcome.model, outcome.plain(rows))
            estimate = cross_fit(seen.numpy(), labels[rows].numpy(), experiment.settings.seed)
            if estimate:
                metrics["cross_fit"] = estimate
        return metrics

    def metrics_of(self, answers: Answers, labels: Tensor, boxes: TrueBoxes | None = None) -> dict[str, Any]:
        """Compute accuracy, its interval and calibration."""
        return dict(classification_metrics(answers.probabilities, labels))

    def known(self, dataset: Dataset) -> Tensor:
        """Return which images have a class."""
        return torch.from_numpy(dataset.labels != UNLABELLED)

    def classes_present(self, labels: Tensor) -> list[int]:
        """List the classes that occur."""
        return labels[labels != UNLABELLED].unique().tolist()

    def remap_labels(self, labels: Tensor, index: Mapping[int, int], num_classes: int) -> Tensor:
        """Look up the class indices."""
        return torch.tensor([index[k] for k in labels.tolist()])

    def content(self, experiment: Experiment, outcome: Outcome, metrics: dict[str, dict[str, Any]]) -> ClassifyContent:
        """Collect counts, confusion matrix and images."""
        return classify_content(experiment, outcome)

    def format_predictions(
        self, classes: tuple[str, ...], answers: Answers, all_classes: bool, images: Dataset
    ) -> PredictionTable:
        """Give the most probable class, and with ``all_classes`` a column ``p(CLASS)`` per class."""
        columns = ("label", "confidence", *(f"p({c})" for c in classes if all_classes))
        rows = (
            (number, (classes[row.index(max(row))], f"{max(row):.6f}", *(f"{p:.6f}" for p in row if all_classes)))
            for number, row in enumerate(answers.probabilities.tolist())
        )
        return PredictionTable(columns, rows)


def _refuse_marks(options: TrainOptions, task: str) -> None:
    """Raise UserError for data of task ``multilabel``, instead of a fault in every row."""
    if has_marks(Path(options.data), options.labels):
        others = ", ".join(method_names("multilabel"))
        raise UserError(
            f"{options.labels or options.data}: several labels per image, and --task {task} takes one class; "
            f"train a method of --task multilabel: {others}"
        )


task = Classify()
