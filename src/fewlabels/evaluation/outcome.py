"""Predictions of a trained model, and the outcome of a run as reports and exports receive it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from fewlabels.models.classifier import Classifier


class Answers(NamedTuple):
    """Predictions of a model for any N images, on the CPU."""

    probabilities: Tensor
    """(N, K) float32."""
    boxes: Tensor | None = None
    """(N, 4) float32 x0, y0, x1, y1 as fractions of the upright image, in a task with boxes."""


AnswersOf = Callable[[Classifier, Iterable[Tensor], Tensor | None], Answers]
"""A task's predictions of a model for batches of network input, with (N,) int64 known classes or None."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of the evaluated model for every image of the data set."""

    probabilities: Tensor
    """(N, K) float32."""
    accepted: Tensor
    """Whether the method accepts the prediction as a label: (N,) bool, or (N, K) where a label is a mark per class."""
    boxes: Tensor | None = None
    """See :class:`Answers`."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    model: Classifier
    """The averaged model, which is saved."""
    plain: Callable[[Tensor], Iterable[Tensor]]
    """Returns the images of rows without augmentation, as network input."""
    predictions: Predictions
    answers: AnswersOf
    """The task's predictions, for further images."""
