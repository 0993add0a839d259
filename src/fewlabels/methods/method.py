"""The base class of all methods: it maps the views of a batch to named losses."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import inf
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.errors import UserError
from fewlabels.methods.ranges import Range
from fewlabels.models.build import HeadKind
from fewlabels.models.classifier import Classifier
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.randomness import Draws


class Losses(NamedTuple):
    """The losses of one batch."""

    terms: dict[str, Tensor]
    """Named scalars; their sum is minimised."""
    kept: Tensor | None = None
    """(muB,) bool, in multi-label tasks (B, K): which pseudo-labels were used; None if the method has none."""


Refit = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From the indices of the labelled images that are fitted, and of those that are held out, to the logits (n, K) of the
latter."""
FrozenTrunk = Literal["features", "maps", "pixels"]
"""What a method needs of a frozen trunk, see :attr:`Method.frozen_trunk`."""


class Labelled(NamedTuple):
    """The labelled part of a batch."""

    views: tuple[Tensor, ...]
    """One (B, C, H, W) float tensor per name from ``Method.views_of_labelled``; (B, D) features if the trunk is
    frozen."""
    labels: Tensor
    """(B,) int64 class indices; in multi-label tasks (B, K) int8: 1 present, -1 absent, 0 unknown."""
    rows: Tensor
    """(B,) int64 row numbers in the data set."""


class Unlabelled(NamedTuple):
    """The unlabelled part of a batch. It has no field for labels, so no method can use them."""

    views: tuple[Tensor, ...]
    """One (muB, C, H, W) float tensor per name in ``Method.unlabelled_views``."""
    rows: Tensor
    """(muB,) int64 row numbers in the data set, for methods that keep a state per image."""


class Batch(NamedTuple):
    """The input of a method in step ``step``."""

    labelled: Labelled
    unlabelled: Unlabelled
    step: int
    progress: float
    """step / steps, from 0 to below 1: the argument of ramps."""
    draws: Draws
    """Random numbers for the method's own use (negatives, mixing), keyed by this step and the unlabelled slots."""
    round: int = 0
    """The method's round that this step belongs to, from 0."""


class Pool(Protocol):
    """All training images, for methods that use them between steps."""

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
        """(L,) int64 classes of these images; in multi-label tasks (L, K) int8: 1 present, -1 absent, 0 unknown."""
        ...

    @property
    def averaged(self) -> Classifier:
        """The weight average of the method's model, which would be saved if the run ended here."""
        ...

    def features(self, model: Classifier, rows: Tensor) -> Tensor:
        """Return pooled features of the plain view of these rows, (n, D) float32 on the CPU.

        The model runs in evaluation mode and without gradient.
        """
        ...

    def maps(self, model: Classifier, rows: Tensor) -> Tensor:
        """Return last maps of the plain view of these rows, (n, D', h, w) float32 on the CPU.

        Only for methods that need pixels. The model runs in evaluation mode and without gradient.
        """
        ...

    def probabilities(self, model: Classifier, rows: Tensor) -> Tensor:
        """Return class probabilities of the plain view of these rows, (n, K) float32 on the CPU.

        The model runs in evaluation mode and without gradient.
        """
        ...


class Problem(NamedTuple):
    """Sizes of the data and of the run, known to a method when it is built."""

    num_classes: int
    num_images: int
    """Number of rows of the data set; states per image are indexed by row."""
    num_labelled: int
    epochs: float
    """Number of passes over the unlabelled pool in the run; 0 for a method that does not use it."""
    steps: int = 1 << 20
    """Total number of steps; the default is that of the papers on CIFAR-10."""
    boxes: Tensor | None = None
    """(num_images, 4) boxes x0, y0, x1, y1 that another run found, as fractions of the image, for a method with
    :class:`~fewlabels.methods.given_boxes.GivenBoxesParameters`; None where it makes its own."""


class Network(NamedTuple):
    """The requirements of a method on the network; the backbone is the user's choice."""

    head: HeadKind = "linear"
    """The layer that maps features to logits."""
    members: int = 1
    """Number of networks with different initial weights; their mean probability is evaluated."""
    attention_maps: int = 0
    """Number of attention maps that pool the features; 0 uses the backbone's own pooling."""
    saliency: float = 0.0
    """With a head of class maps: weight in the logit of the mean of the ``top`` largest values of the class's map."""
    top: int = 5
    boxes: BoxRule | None = None
    """The rule that gives the boxes, in task ``localize``."""
    fine_map: bool = False
    """Whether the last map should have a sixteenth of the image's side instead of a 32nd, if the backbone allows it."""
    class_size: int = 0
    """Side in pixels to which larger images are reduced for the class, in task ``localize``; 0 keeps their size."""


@dataclass(frozen=True)
class Parameters:
    """Base class of all hyper-parameters: each field is a :func:`parameter`, with the paper's value as default.

    Creating an instance with a number out of its range raises :class:`UserError`.
    """

    def __post_init__(self) -> None:
        for declared in fields(self):
            value, allowed = getattr(self, declared.name), declared.metadata["range"]
            if allowed is not None and value not in allowed:
                raise UserError(f"--method.{declared.name} {value} is out of range; give {allowed.advice}")

    def validate(self, num_classes: int) -> None:
        """Check values that depend on the number of classes or on each other, before anything is trained.

        The range of a single number belongs in its declaration.

        Raises:
            UserError: if the values do not fit.
        """


def parameter(
    default: Any, help: str, *, least: float = -inf, most: float = inf, above: float = -inf, below: float = inf
) -> Any:
    """Declare a hyper-parameter as a field of :class:`Parameters`.

    Args:
        default: the paper's value.
        help: what it is, and where in the paper its default is given.
        least: smallest allowed number; infinities and nan are never allowed.
        most: largest allowed number.
        above: number that it must be greater than.
        below: number that it must be less than.
    """
    whole = type(default) is int
    allowed = Range(least, most, above, below, whole) if whole or type(default) is float else None
    return field(default=default, metadata={"help": help, "range": allowed})


class Method(nn.Module, ABC):
    """Base class of all methods.

    State that changes between steps (thresholds, teachers, counts) is kept in registered buffers or submodules, so that
    it is saved, resumed, moved to a device and distributed without further code.
    """

    title: ClassVar[str]
    """The method's name as its paper writes it."""
    paper: ClassVar[str]
    """Authors, title, venue, year."""
    idea: ClassVar[str]
    """Two sentences that describe the method."""
    notes: ClassVar[str] = ""
    """The page that discusses the paper, e.g. ``docs/papers/dnll.md``; empty for the section of the method in
    ``docs/papers/baselines.md``."""
    hyperparameters: ClassVar[type[Parameters]] = Parameters
    labelled_views: ClassVar[tuple[str, ...]] = ("weak",)
    unlabelled_views: ClassVar[tuple[str, ...]] = ()
    """Empty for methods that do not use unlabelled images; else the parameters have a field ``mu``, the number of
    unlabelled images per labelled one in a batch."""
    trains: ClassVar[bool] = True
    """False for methods that do all their work in :meth:`start_round`, on a frozen trunk."""
    frozen_trunk: ClassVar[FrozenTrunk] = "features"
    """What the method needs of a frozen trunk (``--freeze``):

    - ``features``: cached features of a few views of each image replace the pixels;
    - ``maps``: the method needs pixels (it erases or crops them) but gives the trunk the same few views in all steps,
      so the trunk's outputs are cached; random crops are passed inside a block of
      :class:`fewlabels.models.map_cache.bypass_map_cache`;
    - ``pixels``: views are new in every step (mixed or perturbed images), so nothing can be cached."""
    image_size: ClassVar[int | None] = None
    """Default side of images in pixels where it does not follow from the data."""
    has_unused_parameters: ClassVar[bool] = False
    """True if some weights are not used in some steps; several processes must then search for them."""
    reset_each_round: ClassVar[Literal["nothing", "optimiser", "schedule", "weights"]] = "nothing"
    """What is reset at the start of each round: the optimiser's momentum; this and the learning rate; or both and the
    weights, to their initial values."""
    statistics_passes: ClassVar[int] = 1
    """Number of passes per step that update the running statistics of batch normalisation; tested for each method."""

    def __init__(self, model: Classifier, parameters: Any, problem: Problem) -> None:
        super().__init__()
        self.model = model
        self.p = parameters
        self.problem = problem
        self.num_classes = problem.num_classes

    @classmethod
    def network(cls, parameters: Any) -> Network:
        """Return the requirements on the network for these parameters."""
        return Network()

    @classmethod
    def views_of_labelled(cls, parameters: Any) -> tuple[str, ...]:
        """Return the names of the labelled views for these parameters."""
        return cls.labelled_views

    @property
    def rounds(self) -> int:
        """Number of rounds, parts of about equal length of the run; each begins with :meth:`start_round`."""
        return 1

    @abstractmethod
    def losses(self, batch: Batch) -> Losses:
        """Return the loss terms of one batch, and which pseudo-labels were kept."""

    def forward(self, batch: Batch) -> Losses:
        """Return :meth:`losses`; called by the distributed wrapper."""
        return self.losses(batch)

    def start_round(self, number: int, pool: Pool) -> None:
        """Compute what depends on the whole pool, before the first step of each round.

        The results are kept in buffers: a run that is resumed within a round does not call this again.

        Args:
            number: the round, from 0.
            pool: all training images.
        """

    def refit(self, pool: Pool) -> Refit | None:
        """Return a function that fits the head to some of ``pool.labels`` and predicts others, for calibration.

        None for a method whose training would have to be repeated for that.
        """
        return None

    def learning_rates(self, number: int) -> Mapping[str, float]:
        """Return learning rates, before the schedule, that replace the run's in round ``number``.

        Keys are the networks of the model: ``classifier``, or ``locator`` for a second network that predicts boxes.
        """
        return {}

    def after_step(self) -> None:
        """Update what follows the weights, such as a teacher, after each step of the optimiser."""

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Return which predictions (N, K) are accepted as labels, for the column ``accepted`` of the ledger.

        Returns:
            (N,) bool, in multi-label tasks (N, K).
        """
        return probabilities.amax(1) >= 0.95

    def perturbed(self, model: Classifier, x: Tensor, draws: Draws) -> Tensor | None:
        """Perturb images as an adversarial method does, for the report; None for all other methods.

        Args:
            model: in evaluation mode, the model whose predictions should change: the saved one, not always
                ``self.model``.
            x: (B, C, H, W) normalised images without augmentation.
            draws: B slots.

        Returns:
            (B, C, H, W) perturbed images.
        """
        return None
