"""Images of a run with one class per image."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import TEST, TRAIN, UNLABELLED, Dataset
from fewlabels.evaluation.outcome import Predictions
from fewlabels.randomness import key_of, permutation
from fewlabels.report.content.example import Example
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.training.experiment import Experiment

PER_CLASS = 4
"""Images per class among the most and the least confident ones."""
MOST_CLASSES = 50


def fixed_sample(rows: np.ndarray, most: int) -> Tensor:
    """Return (n,) int64, at most ``most`` of the rows; the choice depends only on their number, in every run."""
    return torch.from_numpy(rows)[permutation(key_of("looked at"), len(rows))[:most]]


def test_or_train(dataset: Dataset) -> np.ndarray:
    """Return the rows of the test images, or of the training images if there are none."""
    test = dataset.rows(TEST)
    return test if len(test) else dataset.rows(TRAIN)


def pixels_of(experiment: Experiment, rows: Sequence[int]) -> np.ndarray:
    """Return (n, H, W, C) uint8, the network input before normalisation of at least one row."""
    (found,) = experiment.images.stream([torch.tensor(rows)])
    return found.permute(0, 2, 3, 1).cpu().numpy()


class ImagePicker:
    """The images of a run with its predictions."""

    def __init__(self, experiment: Experiment, predictions: Predictions) -> None:
        self.experiment, self.probabilities = experiment, predictions.probabilities
        self.guess = predictions.probabilities.argmax(1)
        """(N,) int64: predicted classes."""
        self.given = torch.from_numpy(experiment.split.given)
        """(N,) int64: labels that training used, or UNLABELLED."""
        self.confidence = predictions.probabilities.amax(1)

    def by_class(self, rows: Tensor, descending: bool) -> dict[str, list[Example]]:
        """Return the most (or least) confident of the rows for each predicted class, at most 50 classes."""
        shown = {}
        for k, name in enumerate(self.experiment.dataset.classes[:MOST_CLASSES]):
            mine = rows[self.guess[rows] == k]
            order = self.confidence[mine].argsort(descending=descending, stable=True)
            shown[name] = self.examples(mine[order[:PER_CLASS]].tolist())
        return shown

    def doubted(self, most: int = 12) -> list[Example]:
        """Return the images whose given label is not the prediction, lowest probability of the given label first."""
        rows = torch.nonzero((self.given != UNLABELLED) & (self.given != self.guess))[:, 0]
        trust = self.probabilities[rows, self.given[rows]]
        return self.examples(rows[trust.argsort(stable=True)][:most].tolist())

    def pixels(self, rows: Sequence[int]) -> np.ndarray:
        """Return (n, H, W, C) uint8, see :func:`pixels_of`."""
        return pixels_of(self.experiment, rows)

    def examples(self, rows: Sequence[int]) -> list[Example]:
        """Return the rows in their order."""
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
