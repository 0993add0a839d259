"""Picks marks to look at: an image and one class of it."""

from collections.abc import Sequence

import torch

from fewlabels.data.dataset import PRESENT, UNKNOWN
from fewlabels.evaluation.outcome import Predictions
from fewlabels.report.example import Example
from fewlabels.report.gallery import PER_CLASS, pixels
from fewlabels.report.thumbnail import thumbnail
from fewlabels.training.experiment import Experiment

Mark = tuple[int, int]
"""Row of the image, index of the class."""


def said(name: str, present: bool) -> str:
    """A mark in words: 'cat', or 'not cat'."""
    return name if present else f"not {name}"


class MarksGallery:
    """Marks of the training images of a run with what its model says of them."""

    def __init__(self, experiment: Experiment, predictions: Predictions) -> None:
        self.experiment, self.probabilities = experiment, predictions.probabilities
        self.likely = predictions.probabilities >= 0.5
        """(N, K) bool: the model's classes of every image."""
        self.given = torch.from_numpy(experiment.split.given)
        """(N, K) int8: the marks that training saw."""
        self.truth = torch.from_numpy(experiment.dataset.labels)
        """(N, K) int8: the marks that the data set knows."""
        self.trained = torch.from_numpy(experiment.split.labelled)
        """(n,) int64: the training images."""

    def surest(self, classes: Sequence[int], present: bool) -> dict[str, list[Example]]:
        """Per class, the unknown marks that the model is surest are present, or absent; none that it says otherwise."""
        shown = {}
        for k in classes:
            wanted = (self.given[:, k] == UNKNOWN) & (self.likely[:, k] == present)
            mine = self.trained[wanted[self.trained]]
            order = self.probabilities[mine, k].argsort(descending=present, stable=True)[:PER_CLASS]
            if len(mine):
                shown[self.experiment.dataset.classes[k]] = self.examples([(row, k) for row in mine[order].tolist()])
        return shown

    def doubted(self, most: int = 12) -> list[Example]:
        """Given marks that the model finds least likely, where it says the other."""
        present = self.given == PRESENT
        rows, classes = torch.nonzero((self.given != UNKNOWN) & (present != self.likely), as_tuple=True)
        likelihood = torch.where(present, self.probabilities, 1 - self.probabilities)[rows, classes]
        order = likelihood.argsort(stable=True)[:most]
        return self.examples(list(zip(rows[order].tolist(), classes[order].tolist(), strict=True)))

    def examples(self, marks: Sequence[Mark]) -> list[Example]:
        """The marks in their order; the truth is told of those that were unknown in training."""
        if not marks:
            return []
        names = self.experiment.dataset.classes
        return [
            Example(
                path=self.experiment.dataset.paths[row], image=thumbnail(image),
                label=said(names[k], bool(self.likely[row, k])), confidence=self._confidence(row, k),
                given=(given := _known(names[k], int(self.given[row, k]))),
                truth=None if given else _known(names[k], int(self.truth[row, k])),
            )
            for (row, k), image in zip(marks, pixels(self.experiment, [row for row, _ in marks]), strict=True)
        ]  # fmt: skip

    def _confidence(self, row: int, k: int) -> float:
        """In what the model says: that the class is there, or that it is not."""
        p = float(self.probabilities[row, k])
        return p if self.likely[row, k] else 1 - p


def _known(name: str, mark: int) -> str | None:
    return None if mark == UNKNOWN else said(name, mark == PRESENT)
