"""Base classes of the methods of task ``localize``, which learn from class labels and predict boxes."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, parameter
from fewlabels.models.maps.box_rule import BoxRule, Component, MapName


@dataclass(frozen=True)
class MapParameters(Parameters):
    """How a map becomes a box. The threshold has a fixed default: tuning it on boxes would be training on boxes."""

    threshold: float = parameter(
        0.2, "values of the scaled map above this are foreground (Zhou et al., CVPR 2016)", least=0, below=1
    )
    component: Component = parameter(
        "largest", "the box encloses the largest connected component of the foreground, or all of it"
    )


class LocalizingMethod(Method):
    """Base class of all methods of the task; they need the last map of a frozen trunk, not its pooled features."""

    frozen_trunk = "maps"

    @property
    def pseudo_rule(self) -> BoxRule | None:
        """The rule that gives the pseudo boxes the method is trained on; None if it has none."""
        return None


class MapMethod(LocalizingMethod):
    """Base class of the methods that train a classifier and take the boxes from its map at test time.

    The loss is the cross-entropy on one view of the labelled images; batch statistics are updated in that pass.
    Subclasses change the view, the network or :meth:`loss`, and set ``hyperparameters`` to :class:`MapParameters` or a
    subclass of it.
    """

    map: ClassVar[MapName] = "cam"

    @classmethod
    def network(cls, parameters: MapParameters) -> Network:
        """Ask for a linear head and boxes from a map."""
        return Network(boxes=cls.box_rule(parameters), fine_map=True)

    @classmethod
    def box_rule(cls, parameters: MapParameters) -> BoxRule:
        """Return the rule that turns the map into a box."""
        return BoxRule(cls.map, parameters.threshold, parameters.component)

    def losses(self, batch: Batch) -> Losses:
        """Return :meth:`loss` on the first view."""
        return Losses({"supervised": self.loss(batch.labelled.views[0], batch.labelled.labels, batch)})

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of images (B, C, H, W) with labels (B,), a scalar."""
        return cross_entropy(self.model(x), labels)
