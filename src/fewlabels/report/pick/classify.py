"""The content of a report of task ``classify``."""

import numpy as np
import torch

from fewlabels.data.dataset import UNLABELLED
from fewlabels.evaluation.classification import confusion
from fewlabels.evaluation.outcome import Outcome
from fewlabels.report.content.classify import ClassifyContent
from fewlabels.report.pick.features import embedding
from fewlabels.report.pick.gallery import ImagePicker
from fewlabels.report.pick.maps import mapped
from fewlabels.report.pick.perturbations import perturbed
from fewlabels.training.experiment import Experiment


def classify_content(experiment: Experiment, outcome: Outcome) -> ClassifyContent:
    """Count labels and errors, and pick images."""
    dataset, split, model = experiment.dataset, experiment.split, outcome.model
    gallery, classes = ImagePicker(experiment, outcome.predictions), experiment.dataset.classes
    labels, guess, given = torch.from_numpy(dataset.labels), gallery.guess, gallery.given
    test = torch.from_numpy(split.test)[labels[split.test] != UNLABELLED]
    unlabelled = torch.from_numpy(split.unlabelled)
    accepted = guess[unlabelled][outcome.predictions.accepted[unlabelled]]
    return ClassifyContent(
        label_counts=_counts(given[given != UNLABELLED], classes),
        pseudo_counts=_counts(accepted, classes),
        confusion=confusion(guess[test], labels[test], len(classes)) if len(test) else None,
        most_confident=gallery.by_class(unlabelled, descending=True),
        least_confident=gallery.by_class(unlabelled, descending=False),
        doubted=gallery.doubted(),
        pool_includes_labelled=bool(np.isin(split.labelled, split.pool).any()),
        embedding=embedding(gallery, outcome),
        maps=mapped(gallery, model),
        perturbed=perturbed(gallery, model),
    )


def _counts(labels: torch.Tensor, classes: tuple[str, ...]) -> dict[str, int]:
    """Count (n,) class indices."""
    return dict(zip(classes, labels.bincount(minlength=len(classes)).tolist(), strict=True))
