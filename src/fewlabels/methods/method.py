"""What a method is: views in, named losses out. Everything else follows from the file being there."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.methods.ranges import Range
from fewlabels.models.build import HeadKind
from fewlabels.models.classifier import Classifier
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.randomness import Draws


class Losses(NamedTuple):
    """What one batch gives."""

    terms: dict[str, Tensor]
    """Named scalars; their sum is minimised."""
    kept: Tensor | None = None
    """(muB,) bool, in multi-label tasks (B, K): which pseudo-labels took part; None where the method makes none."""


FrozenTrunk = Literal["features", "maps", "pixels"]


class Labelled(NamedTuple):
    """The labelled part of a batch."""

    views: tuple[Tensor, ...]
    """One (B, C, H, W) float tensor per name in ``Method.labelled_views``; (B, D) features when the trunk is frozen."""
    labels: Tensor
    """(B,) int64 class indices; in multi-label tasks (B, K) int8: 1 present, -1 absent, 0 unknown."""
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
    round: int = 0
    """Which of the method's rounds this step belongs to, from 0."""


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
        """(L,) int64 their classes; in multi-label tasks (L, K) int8: 1 present, -1 absent, 0 unknown."""
        ...

    @property
    def averaged(self) -> Classifier:
        """The weight average of the method's model: what would be saved if the run ended here."""
        ...

    def features(self, model: Classifier, rows: Tensor) -> Tensor:
        """(n, D) float32 pooled features of the plain view of these rows, without gradient, evaluation mode; CPU."""
        ...

    def maps(self, model: Classifier, rows: Tensor) -> Tensor:
        """(n, D', h, w) float32 last maps of the plain view of these rows, likewise; of methods that need pixels."""
        ...

    def probabilities(self, model: Classifier, rows: Tensor) -> Tensor:
        """(n, K) float32 class probabilities of the plain view of these rows, evaluation mode; CPU."""
        ...


class Problem(NamedTuple):
    """What a method knows of the data before it sees any of them."""

    num_classes: int
    num_images: int
    """Rows of the data set; what is remembered per image is indexed by row."""
    num_labelled: int
    epochs: float
    """How many times the run goes through the unlabelled pool; 0 for a method that does not look at it."""
    steps: int = 1 << 20
    """Of the whole run; by default that of the papers on CIFAR-10."""


class Network(NamedTuple):
    """What a method asks of the network; the backbone is the user's choice."""

    head: HeadKind = "linear"
    """What turns features into logits."""
    members: int = 1
    """Networks beside each other, of different initial weights; their mean probability is evaluated."""
    attention_maps: int = 0
    """Maps of an attention that pools the features; 0 is the backbone's own pooling."""
    saliency: float = 0.0
    """Of a head of class maps: what the mean of the ``top`` largest values of a map adds to the class's logit."""
    top: int = 5
    boxes: BoxRule | None = None
    """How boxes come about, in task ``localize``."""
    fine_map: bool = False
    """Ask for a last map of a sixteenth of the image's side instead of a 32nd, where the backbone can."""


@dataclass(frozen=True)
class Parameters:
    """Base of every method's hyper-parameters: a field is :func:`parameter`, its default the paper's.

    To make one with a number out of its range is a :class:`UserError`.
    """

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, allowed = getattr(self, declared.name), declared.metadata["range"]
            if allowed is not None and value not in allowed:
                raise UserError(f"--method.{declared.name} {value} is out of range; give {allowed.advice}")

    def validate(self, num_classes: int) -> None:
        """Raise :class:`UserError` for values that don't go with the number of classes or with one another.

        Called before anything is trained. What one number may be is said where it is declared.
        """


def parameter(
    default: Any, help: str, *, least: float = -inf, most: float = inf, above: float = -inf, below: float = inf
) -> Any:
    """Declare one hyper-parameter.

    Args:
        default: the paper's.
        help: what it is, and where in the paper its default stands.
        least: of a number, the lowest that will do; the infinities and nan never do.
        most: the highest that will do.
        above: what it must be greater than.
        below: what it must be less than.
    """
    whole = type(default) is int
    allowed = Range(least, most, above, below, whole) if whole or type(default) is float else None
    return field(default=default, metadata={"help": help, "range": allowed})


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
    """False for methods whose whole work is done in :meth:`start_round`, on a frozen trunk."""
    frozen_trunk: ClassVar[FrozenTrunk] = "features"
    """What the method reads from a trunk that is kept fixed (``--freeze``):

    - ``features``: cached features of a few views of each image replace the pixels;
    - ``maps``: the method needs pixels (it erases or crops them) but shows the trunk the same few views again and
      again, so the trunk's passes are cached; random crops pass in a block of
      :class:`fewlabels.models.map_cache.bypass_map_cache`;
    - ``pixels``: views are new in every step (mixed or perturbed images), so nothing can be cached."""
    has_unused_parameters: ClassVar[bool] = False
    """True where some weights take no part in some steps: several processes must then look for them."""
    reset_each_round: ClassVar[Literal["nothing", "optimiser", "schedule", "weights"]] = "nothing"
    """What begins anew with each round: the optimiser's momentum, it and the learning rate, or these and the initial
    weights."""
    statistics_passes: ClassVar[int] = 1
    """Passes per step that move the running statistics of batch normalisation: a decision, tested for each method."""

    def __init__(self, model: Classifier, parameters: Any, problem: Problem) -> None:
        super().__init__()
        self.model = model
        self.p = parameters
        self.problem = problem
        self.num_classes = problem.num_classes

    @classmethod
    def network(cls, parameters: Any) -> Network:
        """What the network must have for these parameters."""
        return Network()

    @property
    def rounds(self) -> int:
        """Parts of about equal length that the run's steps are divided into; :meth:`start_round` begins each."""
        return 1

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """The loss terms of one batch, and which pseudo-labels were kept."""

    def forward(self, batch: Batch) -> Losses:
        """What the distributed wrapper calls."""
        return self.losses(batch)

    def start_round(self, number: int, pool: Pool) -> None:
        """Called before the first step of each round: for what is computed from the whole pool, not from batches.

        What it finds goes into buffers; a run that is resumed in the middle of a round does not call it again.
        """

    def locator_lr(self, number: int) -> float | None:
        """The learning rate of a second network for boxes in that round, before the schedule; None: the backbone's."""
        return None

    def after_step(self) -> None:
        """Called after the optimiser moved the weights: for a teacher that follows them."""

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Would these (N, K) predictions be trusted as labels? The ledger's column ``accepted``: (N,) bool, in
        multi-label tasks (N, K).
        """
        return probabilities.amax(1) >= 0.95

    def perturbed(self, model: Classifier, x: Tensor, draws: Draws) -> Tensor | None:
        """(B, C, H, W): x as an adversarial method would perturb it, for the report; None for all other methods.

        Args:
            model: in evaluation mode, whose answers are to change: the one that is saved, not always ``self.model``.
            x: (B, C, H, W) normalised images as they are, without an augmentation.
            draws: of B slots.
        """
        return None
