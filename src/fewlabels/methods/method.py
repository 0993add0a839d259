"""What a method is: views in, named losses out. Everything else follows from the file being there."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier
from fewlabels.randomness import Draws


class Losses(NamedTuple):
    """What one batch gives."""

    terms: dict[str, Tensor]
    """Named scalars; their sum is minimised."""
    kept: Tensor | None = None
    """(muB,) bool: which pseudo-labels took part; None where the method makes none."""


class Labelled(NamedTuple):
    """The labelled part of a batch."""

    views: tuple[Tensor, ...]
    """One (B, C, H, W) float tensor per name in ``Method.labelled_views``; (B, D) features when the trunk is frozen."""
    labels: Tensor
    """(B,) int64 class indices."""
    rows: Tensor
    """(B,) int64 row numbers in the data set."""


class Unlabelled(NamedTuple):
    """The unlabelled part of a batch. It has no label field, so no method can look."""

    views: tuple[Tensor, ...]
    """One (muB, C, H, W) float tensor per name in ``Method.unlabelled_views``."""
    rows: Tensor
    """(muB,) int64 row numbers in the data set, for methods that remember something per image."""


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

    @property
    def rows(self) -> Tensor:
        """(M,) int64 row numbers of all images of the unlabelled pool."""
        ...

    @property
    def labelled_rows(self) -> Tensor:
        """(L,) int64 row numbers of the images that have a label."""
        ...

    @property
    def labels(self) -> Tensor:
        """(L,) int64 their classes."""
        ...

    def features(self, rows: Tensor) -> Tensor:
        """(n, D) float32 pooled features of the plain view of these rows, without gradient, evaluation mode."""
        ...

    def probabilities(self, rows: Tensor) -> Tensor:
        """(n, K) float32 class probabilities of the plain view of these rows, evaluation mode."""
        ...


@dataclass(frozen=True)
class Parameters:
    """Base of every method's hyper-parameters: a field is ``parameter(default, help)``, its default the paper's."""

    def validate(self, num_classes: int) -> None:
        """Raise :class:`UserError` for values that can't work; called before anything is trained."""


def parameter(default: Any, help: str) -> Any:
    """Declare one hyper-parameter; ``help`` says what it is and where in the paper its default stands."""
    return field(default=default, metadata={"help": help})


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
    hyperparameters: ClassVar[type[Parameters]] = Parameters
    labelled_views: ClassVar[tuple[str, ...]] = ("weak",)
    unlabelled_views: ClassVar[tuple[str, ...]] = ()
    """Empty for methods that do not look at unlabelled images; else the parameters hold ``mu``, the number of
    unlabelled images per labelled one in a batch."""
    trains: ClassVar[bool] = True
    """False for methods whose whole work is done in :meth:`prepare`, on a frozen trunk."""
    mixes_pixels: ClassVar[bool] = False
    """True where views are combined after they are drawn: such a method can't work from embedded views."""
    statistics_passes: ClassVar[int] = 1
    """Passes per step that move the running statistics of batch normalisation: a decision, tested for each method."""
    head: ClassVar[Literal["linear", "normalized-linear"]] = "linear"
    """What turns features into logits."""

    def __init__(self, model: Classifier, num_classes: int, parameters: Any) -> None:
        super().__init__()
        self.model = model
        self.num_classes = num_classes
        self.p = parameters

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """The loss terms of one batch, and which pseudo-labels were kept."""

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
