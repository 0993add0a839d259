"""All training images, for methods that look at them between steps."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, last_maps
from fewlabels.training.experiment import Experiment
from fewlabels.training.trunk import Plain

Probabilities = Callable[[Classifier, Iterable[Tensor]], Tensor]
"""(N, K) float32 on the CPU: what a model predicts for batches of network input; each task has its own."""


@dataclass(frozen=True)
class TrainingPool:
    """All training images, as :class:`fewlabels.methods.method.Pool` promises them."""

    predict: Probabilities
    averaged: Classifier
    plain: Plain
    rows: Tensor
    labelled_rows: Tensor
    labels: Tensor

    def features(self, model: Classifier, rows: Tensor) -> Tensor:
        """Compute pooled features of the images without augmentation."""
        return features(model, self.plain(rows))

    def maps(self, model: Classifier, rows: Tensor) -> Tensor:
        """Compute last maps of the images without augmentation."""
        return last_maps(model, self.plain(rows))

    def probabilities(self, model: Classifier, rows: Tensor) -> Tensor:
        """Compute class probabilities of the images without augmentation."""
        return self.predict(model, self.plain(rows))


def training_pool(experiment: Experiment, averaged: Classifier, predict: Probabilities) -> TrainingPool:
    """Make the pool of a run."""
    pool, labelled = (torch.from_numpy(rows) for rows in (experiment.split.pool, experiment.split.labelled))
    given = torch.from_numpy(experiment.split.given)[labelled]
    return TrainingPool(predict, averaged, experiment.trunk.plain, pool, labelled, given)
