"""What a finished run leaves: predictions for every image, final figures, and what the page shows."""

from typing import Any

import numpy as np
import torch

from fewlabels.data.dataset import UNLABELLED
from fewlabels.evaluation.classification import classification_metrics, confusion
from fewlabels.evaluation.cross_fit import cross_fit
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, probabilities
from fewlabels.report.embedding import embedding
from fewlabels.report.gallery import Gallery
from fewlabels.report.ledger import Predictions
from fewlabels.report.looking import Looking
from fewlabels.report.maps import mapped
from fewlabels.report.perturbed import perturbed
from fewlabels.report.summary import RunSummary
from fewlabels.training.experiment import Plain, Prepared


def predict_all(prepared: Prepared, model: Classifier, plain: Plain) -> Predictions:
    """The model's word on every image of the data set."""
    found = probabilities(model, plain(torch.arange(len(prepared.dataset))))
    device = next(prepared.method.parameters()).device
    return Predictions(found, prepared.method.accepts(found.to(device)).cpu())


def final_metrics(
    prepared: Prepared, model: Classifier, plain: Plain, predictions: Predictions
) -> dict[str, dict[str, Any]]:
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
        found = features(model, plain(rows))
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
    model: Classifier,
    plain: Plain,
) -> RunSummary:
    """Everything the report page shows of a run."""
    dataset, split = prepared.dataset, prepared.split
    labels = torch.from_numpy(dataset.labels)
    gallery = Gallery(prepared, predictions)
    guess, given = gallery.guess, gallery.given
    test = torch.from_numpy(split.test)[labels[split.test] != UNLABELLED]
    free = torch.from_numpy(split.unlabelled)
    counts = given[given != UNLABELLED].bincount(minlength=len(dataset.classes)).tolist()
    pseudo = guess[free][predictions.accepted[free]].bincount(minlength=len(dataset.classes)).tolist()
    method = prepared.method
    about = {"title": method.title, "paper": method.paper, "idea": method.idea}
    about |= {"pool_includes_labelled": bool(np.isin(split.labelled, split.pool).any())}
    return RunSummary(
        name=name, config=about | config, metrics=metrics, history=history, classes=list(dataset.classes),
        confusion=confusion(guess[test], labels[test], len(dataset.classes)) if len(test) else None,
        label_counts=dict(zip(dataset.classes, counts, strict=True)),
        pseudo_counts=dict(zip(dataset.classes, pseudo, strict=True)),
        most_confident=gallery.by_class(free, descending=True),
        least_confident=gallery.by_class(free, descending=False),
        doubted=gallery.doubted(), notes=prepared.notes,
        looking=Looking(embedding(gallery, model, plain), mapped(gallery, model), perturbed(gallery, model)),
    )  # fmt: skip
