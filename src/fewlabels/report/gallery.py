"""Picks images to look at."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, Dataset
from fewlabels.evaluation.outcome import Predictions
from fewlabels.randomness import key_of, permutation
from fewlabels.report.example import Example
from fewlabels.report.thumbnail import thumbnail
from fewlabels.training.experiment import Experiment

PER_CLASS = 4
"""Images shown per class among the most and the least confident."""


def drawn(rows: np.ndarray, most: int) -> Tensor:
    """(n,) int64: at most so many of these rows, by a key of their number alone, so every run draws the same."""
    return torch.from_numpy(rows)[permutation(key_of("looked at"), len(rows))[:most]]


def test_or_train(dataset: Dataset) -> np.ndarray:
    """Rows of the test images, or of the training images where there are none: the same for all runs on the data."""
    test = dataset.rows(TEST)
    return test if len(test) else dataset.rows(TRAIN)


def pixels(experiment: Experiment, rows: Sequence[int]) -> np.ndarray:
    """(n, H, W, C) uint8, as the network gets them but for the normalisation; there must be a row."""
    (found,) = experiment.images.stream([torch.tensor(rows)])
    return found.permute(0, 2, 3, 1).cpu().numpy()


class Gallery:
    """Images of a run with what its model says of them."""

    def __init__(self, experiment: Experiment, predictions: Predictions) -> None:
        self.experiment, self.probabilities = experiment, predictions.probabilities
        self.guess = predictions.probabilities.argmax(1)
        """(N,) int64: the model's class of every image."""
        self.given = torch.from_numpy(experiment.split.given)
        """(N,) int64: the label that training saw, or UNLABELLED."""
        self.confidence = predictions.probabilities.amax(1)

    def by_class(self, rows: Tensor, descending: bool) -> dict[str, list[Example]]:
        """Those of the rows per predicted class, the surest or the least sure first."""
        shown = {}
        for k, name in enumerate(self.experiment.dataset.classes[:50]):
            mine = rows[self.guess[rows] == k]
            order = self.confidence[mine].argsort(descending=descending, stable=True)
            shown[name] = self.examples(mine[order[:PER_CLASS]].tolist())
        return shown

    def doubted(self, most: int = 12) -> list[Example]:
        """Images whose given label the model finds least likely, where it prefers another."""
        rows = torch.nonzero((self.given != UNLABELLED) & (self.given != self.guess))[:, 0]
        trust = self.probabilities[rows, self.given[rows]]
        return self.examples(rows[trust.argsort(stable=True)][:most].tolist())

    def pixels(self, rows: Sequence[int]) -> np.ndarray:
        """(n, H, W, C) uint8, see :func:`pixels`."""
        return pixels(self.experiment, rows)

    def examples(self, rows: Sequence[int]) -> list[Example]:
        """The rows in their order."""
        if not rows:
            return []
        dataset = self.experiment.dataset
        return [
            Example(
                path=dataset.paths[row], image=thumbnail(image), label=dataset.classes[int(self.guess[row])],
                confidence=float(self.confidence[row]), given=self._name(int(self.given[row])),
                truth=self._name(int(dataset.labels[row])),
            )
            for row, image in zip(rows, self.pixels(rows), strict=True)
        ]  # fmt: skip

    def _name(self, label: int) -> str | None:
        return None if label == UNLABELLED else self.experiment.dataset.classes[label]
