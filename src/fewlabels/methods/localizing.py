"""What the methods of task ``localize`` share: class labels in, boxes out."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, parameter
from fewlabels.models.maps.box_rule import BoxRule, Component, MapName


@dataclass(frozen=True)
class MapParameters(Parameters):
    """From a map to a box. The threshold is a stated default: to tune it on boxes would be to train on them."""

    threshold: float = parameter(
        0.2, "what lies above this share of the scaled map is foreground (Zhou et al., CVPR 2016)", least=0, below=1
    )
    component: Component = parameter(
        "largest", "the box is around the largest component of the foreground, or around all of it"
    )


class LocalizingMethod(Method):
    """Base of all: images are looked at as they are, for a map is of an image."""

    frozen_trunk = "maps"

    @property
    def pseudo_rule(self) -> BoxRule | None:
        """How the boxes come about that the method teaches itself from, where a rule says it."""
        return None


class MapMethod(LocalizingMethod):
    """Base of the methods that train a classifier and read its map at test time.

    Cross-entropy on one view of the labelled images; batch statistics move in that pass. Subclasses change the view,
    the network or :meth:`loss`, and name their ``hyperparameters``: :class:`MapParameters`, or a class with more.
    """

    map: ClassVar[MapName] = "cam"

    @classmethod
    def network(cls, parameters: MapParameters) -> Network:
        """A linear head, and boxes from a map."""
        return Network(boxes=cls.box_rule(parameters), fine_map=True)

    @classmethod
    def box_rule(cls, parameters: MapParameters) -> BoxRule:
        """How boxes come about."""
        return BoxRule(cls.map, parameters.threshold, parameters.component)

    def losses(self, batch: Batch) -> Losses:
        """The class's loss on the first view."""
        return Losses({"supervised": self.loss(batch.labelled.views[0], batch.labelled.labels, batch)})

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of (B, C, H, W) images and (B,) labels; a scalar."""
        return cross_entropy(self.model(x), labels)
