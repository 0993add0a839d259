"""What a method is: views in, named losses out. Everything else follows from the file being there."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier
from fewlabels.sampling.randomness import Draws

Losses = dict[str, Tensor]
"""Named scalar terms; their sum is minimised."""


class Labelled(NamedTuple):
    """The labelled part of a batch."""

    views: tuple[Tensor, ...]
    """One (B, C, H, W) float tensor per name in ``Method.labelled_views``; (B, D) features when the trunk is frozen."""
    labels: Tensor
    """(B,) int64 class indices."""
    index: Tensor
    """(B,) int64 rows of the data set."""


class Unlabelled(NamedTuple):
    """The unlabelled part of a batch. It has no label field, so no method can look."""

    views: tuple[Tensor, ...]
    """One (muB, C, H, W) float tensor per name in ``Method.unlabelled_views``."""
    index: Tensor
    """(muB,) int64 rows of the data set, for methods that remember something per image."""


class Batch(NamedTuple):
    """What a method sees of step ``step``."""

    labelled: Labelled
    unlabelled: Unlabelled
    step: int
    progress: float
    """step / steps, from 0 to 1: what ramps are a function of."""
    draws: Draws
    """Random numbers for the method's own use (negatives, mixing), keyed by this step and the unlabelled slots."""


class Pool(Protocol):
    """All training images, for methods that need to look at them between steps."""

    num_images: int
    labelled_index: Tensor
    """(L,) int64 rows that have a label."""
    labels: Tensor
    """(L,) int64 their classes."""

    def features(self, index: Tensor) -> Tensor:
        """(n, D) float32 pooled features of the plain view of these rows, without gradient, evaluation mode."""
        ...

    def probabilities(self, index: Tensor) -> Tensor:
        """(n, K) float32 class probabilities of the plain view of these rows, evaluation mode."""
        ...


@dataclass(frozen=True)
class Parameters:
    """Base of every method's hyper-parameters. Defaults are the paper's; each field's help names the source."""


class Method(nn.Module, ABC):
    """Base class of all methods.

    State that moves between steps (thresholds, teachers, counts) lives in registered buffers or submodules: saving,
    resuming, moving to a device and distributing it need no further code.
    """

    title: ClassVar[str]
    """The method's name as its paper writes it."""
    paper: ClassVar[str]
    """Authors, title, venue, year."""
    idea: ClassVar[str]
    """Two sentences that say what it does with the unlabelled images."""
    parameters: ClassVar[type[Parameters]] = Parameters
    labelled_views: ClassVar[tuple[str, ...]] = ("weak",)
    unlabelled_views: ClassVar[tuple[str, ...]] = ()
    """Empty for methods that do not look at unlabelled images; then no unlabelled batch is drawn."""
    trains: ClassVar[bool] = True
    """False for methods whose whole work is done in :meth:`prepare`."""

    def __init__(self, model: Classifier, num_classes: int, parameters: Any) -> None:
        super().__init__()
        self.model = model
        self.num_classes = num_classes
        self.p = parameters

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """The named loss terms of one batch."""

    def forward(self, batch: Batch) -> Losses:
        """What the distributed wrapper calls."""
        return self.losses(batch)

    def prepare(self, pool: Pool) -> None:
        """Called once, before step 0: for what is computed from the whole pool instead of from batches."""

    def after_step(self) -> None:
        """Called after the optimiser moved the weights: for a teacher that follows them."""

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """(N,) bool: would these (N, K) predictions be trusted as labels? The ledger's column ``accepted``."""
        return probabilities.amax(1) >= 0.95
