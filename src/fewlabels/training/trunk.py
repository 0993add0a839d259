"""How the images of a run reach the network's trunk: as pixels, as cached features, or through cached maps.

One object decides it for the whole run. :class:`PixelTrunk` feeds new views in every step. A frozen trunk allows two
shortcuts: :class:`FeatureTrunk` embeds a few views of each image once and feeds their features to the head, and
:class:`MapTrunk` feeds pixels of a few views per image and caches the trunk's last maps.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor

from fewlabels.augment.views import View
from fewlabels.methods.method import Method
from fewlabels.models.classifier import Classifier
from fewlabels.options import Settings
from fewlabels.training.feed import EmbeddedViews, PixelViews, ViewMaker
from fewlabels.training.frozen import (
    FEW_VIEWS,
    PlainFeatures,
    embed_views,
    fits,
    freeze,
    remember,
    remembers_all,
)
from fewlabels.training.images import Images

Plain = Callable[[Tensor], Iterable[Tensor]]
"""From rows to the images without augmentation, as network input: (b, C, H, W) pixels, or the (b, ...) features that
stand for them."""
NamedView = tuple[str, View]


@dataclass(frozen=True)
class Views:
    """The views of a run, in the order in which the method receives them."""

    labelled: tuple[NamedView, ...]
    unlabelled: tuple[NamedView, ...]
    flip: str
    seed: int

    @property
    def names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the labelled and of the unlabelled views."""
        return tuple(name for name, _ in self.labelled), tuple(name for name, _ in self.unlabelled)


class Trunk(ABC):
    """The policy of a run. It is chosen once, by :func:`choose_trunk`."""

    gives_pixels = True
    """Whether :meth:`plain` gives pixels; False: features."""
    fresh_steps: int | None = None
    """Steps whose views the trunk has not seen before; later steps are faster. None: all steps cost the same."""

    @abstractmethod
    def apply(self, method: Method) -> None:
        """Freeze what is to be frozen, before the optimiser collects the weights."""

    @abstractmethod
    def plain(self, rows: Tensor) -> Iterable[Tensor]:
        """Give the images of these rows without augmentation, as network input."""

    @abstractmethod
    def view_maker(self, views: Views, rows: Tensor, progress: Callable[[int, int], None]) -> ViewMaker:
        """Make what draws the views of each step.

        Args:
            views: what to draw.
            rows: (n,) int64, the images that training uses; empty for a method without steps.
            progress: receives (images done, images to do) of what is computed before step 0.
        """


@dataclass(frozen=True)
class PixelTrunk(Trunk):
    """Views are drawn from pixels in every step."""

    images: Images
    frozen: bool

    def apply(self, method: Method) -> None:
        if self.frozen:
            freeze(method.model)

    def plain(self, rows: Tensor) -> Iterable[Tensor]:
        return self.images.plain(rows)

    def view_maker(self, views: Views, rows: Tensor, progress: Callable[[int, int], None]) -> ViewMaker:
        return _pixel_views(self.images, views, None)


@dataclass(frozen=True)
class MapTrunk(Trunk):
    """Views are drawn from pixels, a few per image; the last maps of the frozen trunk are cached."""

    images: Images
    fresh_steps: int | None = None

    def apply(self, method: Method) -> None:
        freeze(method.model)
        remember(method)

    def plain(self, rows: Tensor) -> Iterable[Tensor]:
        return self.images.plain(rows)

    def view_maker(self, views: Views, rows: Tensor, progress: Callable[[int, int], None]) -> ViewMaker:
        return _pixel_views(self.images, views, FEW_VIEWS)


@dataclass(frozen=True)
class FeatureTrunk(Trunk):
    """A few views of each image are embedded once, and the head trains on their features."""

    model: Classifier
    images: Images
    num_images: int
    features: PlainFeatures = field(init=False)

    gives_pixels = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "features", PlainFeatures(self.model, self.images, self.num_images))

    def apply(self, method: Method) -> None:
        freeze(method.model)

    def plain(self, rows: Tensor) -> Iterable[Tensor]:
        return self.features(rows)

    def view_maker(self, views: Views, rows: Tensor, progress: Callable[[int, int], None]) -> ViewMaker:
        if not len(rows):
            return EmbeddedViews({}, *views.names, views.seed)
        named = dict([*views.labelled, *views.unlabelled])
        cached = embed_views(
            self.model, self.images, rows, self.num_images, named, views.flip, views.seed, progress
        )  # fmt: skip
        return EmbeddedViews(cached, *views.names, views.seed)


def _pixel_views(images: Images, views: Views, few: int | None) -> PixelViews:
    labelled, unlabelled = (tuple(view for _, view in named) for named in (views.labelled, views.unlabelled))
    return PixelViews(images, labelled, unlabelled, views.seed, few)


def choose_trunk(
    settings: Settings, method: Method, images: Images, num_images: int, num_labelled: int, pool: int
) -> tuple[Trunk, list[str]]:
    """Choose the policy, and say to the user where a shortcut is not possible.

    Args:
        settings: of the run; ``freeze`` decides whether there may be a shortcut.
        method: with its model on the device; ``frozen_trunk`` says which shortcut it allows.
        images: of the data set.
        num_images: rows of the data set.
        num_labelled: labelled images that training uses.
        pool: images of the unlabelled pool.
    """
    kind = type(method)
    labelled, unlabelled = kind.views_of_labelled(method.p), kind.unlabelled_views
    if not settings.freeze or kind.frozen_trunk == "pixels":
        return PixelTrunk(images, settings.freeze), []
    if kind.frozen_trunk == "features":
        if fits(method.model, images, num_images, len({*labelled, *unlabelled})):
            return FeatureTrunk(method.model, images, num_images), []
        return PixelTrunk(images, True), [
            "the features of so many images do not fit in memory: every step passes through the backbone, which is slow"
        ]
    viewed = len(labelled) * num_labelled + len(unlabelled) * pool
    if remembers_all(method.model, images, num_images, viewed):
        return MapTrunk(images, ceil(FEW_VIEWS * num_labelled / settings.batch_size)), []
    return MapTrunk(images), [
        "not all maps of so many images fit in memory: the others pass through the backbone in every step"
    ]


def used_rows(views: Views, labelled: Tensor, pool: Tensor) -> Tensor:
    """The rows that training draws views of: (n,) int64, sorted."""
    return torch.cat([labelled, pool]).unique() if views.unlabelled else labelled
