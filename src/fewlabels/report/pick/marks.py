"""Marks of a multi-label run: an image and one of its classes."""

from collections.abc import Sequence

import torch

from fewlabels.data.dataset import PRESENT, UNKNOWN
from fewlabels.evaluation.outcome import Predictions
from fewlabels.report.content.example import Example
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.gallery import PER_CLASS, pixels_of
from fewlabels.training.experiment import Experiment

Mark = tuple[int, int]
"""Row of the image, index of the class."""


def mark_name(name: str, present: bool) -> str:
    """Return a mark in words: 'cat', or 'not cat'."""
    return name if present else f"not {name}"


class MarksGallery:
    """The marks of a run's images with its predictions."""

    def __init__(self, experiment: Experiment, predictions: Predictions) -> None:
        self.experiment, self.probabilities = experiment, predictions.probabilities
        self.likely = predictions.probabilities >= 0.5
        """(N, K) bool: predicted marks."""
        self.given = torch.from_numpy(experiment.split.given)
        """(N, K) int8: marks that training used."""
        self.truth = torch.from_numpy(experiment.dataset.labels)
        """(N, K) int8: marks that the data set has."""
        self.trained = torch.from_numpy(experiment.split.labelled)
        """(n,) int64: rows of the training images."""

    def most_confident(self, classes: Sequence[int], present: bool) -> dict[str, list[Example]]:
        """Return for each class the unknown marks most confidently predicted as present (or absent)."""
        shown = {}
        for k in classes:
            wanted = (self.given[:, k] == UNKNOWN) & (self.likely[:, k] == present)
            mine = self.trained[wanted[self.trained]]
            order = self.probabilities[mine, k].argsort(descending=present, stable=True)[:PER_CLASS]
            if len(mine):
                shown[self.experiment.dataset.classes[k]] = self.examples([(row, k) for row in mine[order].tolist()])
        return shown

    def doubted(self, most: int = 12) -> list[Example]:
        """Return the given marks that are not the prediction, lowest probability of the given mark first."""
        present = self.given == PRESENT
        rows, classes = torch.nonzero((self.given != UNKNOWN) & (present != self.likely), as_tuple=True)
        likelihood = torch.where(present, self.probabilities, 1 - self.probabilities)[rows, classes]
        order = likelihood.argsort(stable=True)[:most]
        return self.examples(list(zip(rows[order].tolist(), classes[order].tolist(), strict=True)))

    def examples(self, marks: Sequence[Mark]) -> list[Example]:
        """Return the marks in their order; with the truth only where training did not use it."""
        if not marks:
            return []
        names = self.experiment.dataset.classes
        return [
            Example(
                path=self.experiment.dataset.paths[row], image=thumbnail(image),
                label=mark_name(names[k], bool(self.likely[row, k])), confidence=self._confidence(row, k),
                given=(given := _known(names[k], int(self.given[row, k]))),
                truth=None if given else _known(names[k], int(self.truth[row, k])),
            )
            for (row, k), image in zip(marks, pixels_of(self.experiment, [row for row, _ in marks]), strict=True)
        ]  # fmt: skip

    def _confidence(self, row: int, k: int) -> float:
        """Return the probability of the predicted mark."""
        p = float(self.probabilities[row, k])
        return p if self.likely[row, k] else 1 - p


def _known(name: str, mark: int) -> str | None:
    return None if mark == UNKNOWN else mark_name(name, mark == PRESENT)
