"""What a trained model answers for images, and how a finished run is handed to those who describe it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from fewlabels.models.classifier import Classifier


class Answers(NamedTuple):
    """Answers of a model for N images, on the CPU."""

    probabilities: Tensor
    """(N, K) float32."""
    boxes: Tensor | None = None
    """(N, 4) float32 x0, y0, x1, y1 as fractions of the upright image, in a task that has boxes."""


AnswersOf = Callable[[Classifier, Iterable[Tensor], Tensor | None], Answers]
"""A task's answers: of a model, for batches of network input, with (N,) known classes or None."""


@dataclass(frozen=True)
class Predictions:
    """Answers of the evaluated model for every image of the data set."""

    probabilities: Tensor
    """(N, K) float32."""
    accepted: Tensor
    """Whether the method would trust this prediction as a label: (N,) bool, or (N, K) where a label is a mark per
    class."""
    boxes: Tensor | None = None
    """As in :class:`Answers`."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    model: Classifier
    """The averaged model, which is saved."""
    plain: Callable[[Tensor], Iterable[Tensor]]
    """From rows to the images without augmentation, as network input."""
    predictions: Predictions
    answers: AnswersOf
    """The task's answers, for a look at some images again."""
