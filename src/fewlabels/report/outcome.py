"""What a finished run leaves: predictions for every image, final figures, and what the page shows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import UNLABELLED
from fewlabels.evaluation.classification import classification_metrics, confusion
from fewlabels.evaluation.cross_fit import cross_fit
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, probabilities
from fewlabels.report.ledger import Predictions, given_labels
from fewlabels.report.summary import Example, RunSummary
from fewlabels.report.thumbnail import thumbnail
from fewlabels.training.experiment import Prepared

PER_CLASS = 4
"""Images shown per class among the most and the least confident."""


def predict_all(prepared: Prepared, model: Classifier) -> Predictions:
    """The model's word on every image of the data set."""
    rows = torch.arange(len(prepared.dataset))
    found = probabilities(model, prepared.images.plain(rows))
    device = next(prepared.method.parameters()).device
    return Predictions(found, prepared.method.accepts(found.to(device)).cpu())


def final_metrics(prepared: Prepared, model: Classifier, predictions: Predictions) -> dict[str, dict[str, Any]]:
    """The figures of each split, as fractions; by cross-fitting where there is no test split."""
    labels = torch.from_numpy(prepared.dataset.labels)
    metrics: dict[str, dict[str, Any]] = {}
    for name, rows in (("test", prepared.split.test), ("val", prepared.split.val)):
        known = torch.from_numpy(rows)[labels[rows] != UNLABELLED]
        metrics[name] = dict(classification_metrics(predictions.probabilities[known], labels[known]))
    hidden = torch.from_numpy(prepared.split.unlabelled)
    hidden = hidden[labels[hidden] != UNLABELLED]
    if len(hidden):
        metrics["unlabelled"] = dict(classification_metrics(predictions.probabilities[hidden], labels[hidden]))
    if not metrics["test"]:
        rows = torch.from_numpy(prepared.split.labelled)
        found = features(model, prepared.images.plain(rows))
        estimate = cross_fit(found.numpy(), labels[rows].numpy(), prepared.options.seed)
        if estimate:
            metrics["cross_fit"] = estimate
    return metrics


def summarise(
    prepared: Prepared,
    name: str,
    config: dict[str, Any],
    metrics: dict[str, dict[str, Any]],
    history: list[dict[str, Any]],
    predictions: Predictions,
) -> RunSummary:
    """Everything the report page shows of a run."""
    dataset, split = prepared.dataset, prepared.split
    labels = torch.from_numpy(dataset.labels)
    guess = predictions.probabilities.argmax(1)
    given = torch.from_numpy(given_labels(dataset, split))
    test = torch.from_numpy(split.test)[labels[split.test] != UNLABELLED]
    free = torch.from_numpy(split.unlabelled)
    counts = given[given != UNLABELLED].bincount(minlength=len(dataset.classes)).tolist()
    pseudo = guess[free][predictions.accepted[free]].bincount(minlength=len(dataset.classes)).tolist()
    show = _Gallery(prepared, predictions, guess, given)
    method = prepared.method
    about = {"title": method.title, "paper": method.paper, "idea": method.idea}
    about |= {"pool_includes_labelled": bool(np.isin(split.labelled, split.pool).any())}
    return RunSummary(
        name=name, config=about | config, metrics=metrics, history=history, classes=list(dataset.classes),
        confusion=confusion(guess[test], labels[test], len(dataset.classes)) if len(test) else None,
        label_counts=dict(zip(dataset.classes, counts, strict=True)),
        pseudo_counts=dict(zip(dataset.classes, pseudo, strict=True)),
        most_confident=show.by_class(free, descending=True), least_confident=show.by_class(free, descending=False),
        doubted=show.doubted(), notes=prepared.notes,
    )  # fmt: skip


class _Gallery:
    """Picks images to look at."""

    def __init__(self, prepared: Prepared, predictions: Predictions, guess: Tensor, given: Tensor) -> None:
        self.prepared, self.guess, self.given = prepared, guess, given
        self.probabilities = predictions.probabilities
        self.confidence = predictions.probabilities.amax(1)

    def by_class(self, rows: Tensor, descending: bool) -> dict[str, list[Example]]:
        """Unlabelled images per predicted class, the surest or the least sure first."""
        shown = {}
        for k, name in enumerate(self.prepared.dataset.classes[:50]):
            mine = rows[self.guess[rows] == k]
            order = self.confidence[mine].argsort(descending=descending, stable=True)
            shown[name] = self._examples(mine[order[:PER_CLASS]].tolist())
        return shown

    def doubted(self, most: int = 12) -> list[Example]:
        """Images whose given label the model finds least likely, where it prefers another."""
        rows = torch.nonzero((self.given != UNLABELLED) & (self.given != self.guess))[:, 0]
        trust = self.probabilities[rows, self.given[rows]]
        return self._examples(rows[trust.argsort(stable=True)][:most].tolist())

    def _examples(self, rows: Sequence[int]) -> list[Example]:
        if not rows:
            return []
        dataset = self.prepared.dataset
        (pixels,) = self.prepared.images.stream([torch.tensor(rows)])
        return [
            Example(
                path=dataset.paths[row], image=thumbnail(image), label=dataset.classes[int(self.guess[row])],
                confidence=float(self.confidence[row]), given=self._name(int(self.given[row])),
                truth=self._name(int(dataset.labels[row])),
            )
            for row, image in zip(rows, pixels.permute(0, 2, 3, 1).cpu().numpy(), strict=True)
        ]  # fmt: skip

    def _name(self, label: int) -> str | None:
        return None if label == UNLABELLED else self.prepared.dataset.classes[label]
