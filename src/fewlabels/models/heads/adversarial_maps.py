"""ACoL's two branches of class maps: for the second, what the first goes by is erased (Zhang et al., CVPR 2018)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.heads.class_maps import ClassMapClassifier, ClassScores, class_scores
from fewlabels.models.maps.evidence import of_class
from fewlabels.models.maps.regions import scaled

ERASING = 0.6
"""Default of the authors' code; wsolevaluation has 0.7 (METHODS 6.4)."""


class MapBranch(nn.Module):
    """From the last features to a map per class: (B, D, h, w) gives (B, K, h, w).

    A 3x3 convolution to D channels and a ReLU, then a 1x1 convolution: ours, for a backbone of any width. The authors'
    branches have two 3x3 convolutions of 1024 channels.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.head = nn.Conv2d(num_features, num_classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features).relu())


class AdversarialMaps(NamedTuple):
    """(B, K, h, w) each."""

    first: Tensor
    """Of branch A."""
    second: Tensor
    """Of branch B, for which A's class was erased."""


class AdversarialMapClassifier(ClassMapClassifier):
    """``head`` is branch A, whose mean maps are the logits; ``complement`` is branch B.

    The maps at test time (:meth:`class_maps`) are the larger of both, each scaled to 0 to 1 within its image and class.
    What is erased for B then is A's most probable class, whichever class's map is asked for (as in the authors' code
    without labels), so that all maps come from one pass.
    """

    complement: MapBranch
    erasing: Tensor
    """(): where A's scaled map reaches this, it is erased for B; a buffer, so that it is saved with the weights."""

    def __init__(self, backbone: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__(backbone, num_features, num_classes)
        self.head = MapBranch(num_features, num_classes)
        self.complement = MapBranch(num_features, num_classes)
        self.register_buffer("erasing", torch.tensor(ERASING))

    def both_maps(self, x: Tensor, classes: Tensor | None = None) -> AdversarialMaps:
        """Compute both branches' maps of (B, C, H, W) images; (B,) ``classes`` are erased for B, None: A's guess."""
        features, _ = self.places(x)
        first = self.head(features)
        guide = of_class(first, first.mean((2, 3)).argmax(1) if classes is None else classes)
        return AdversarialMaps(first, self.complement(erase(features, guide, self.erasing)))

    def class_maps(self, x: Tensor) -> Tensor:
        """Compute (B, K, h, w) maps from 0 to 1."""
        first, second = (
            scaled(maps.flatten(0, 1), "min-max").unflatten(0, maps.shape[:2]) for maps in self.both_maps(x)
        )
        return torch.maximum(first, second)

    def scores(self, x: Tensor) -> ClassScores:
        """Compute what A's maps say."""
        return class_scores(self.head(self.places(x)[0]), 0.0, self.top)


def erase(features: Tensor, maps: Tensor, threshold: float | Tensor) -> Tensor:
    """Set (B, D, h, w) features to zero where their (B, h, w) map, scaled to 0 to 1, is at or above the threshold.

    Nothing is erased of a map of one value. No gradient reaches the map.
    """
    return features * (scaled(maps.detach(), "min-max") < threshold)[:, None]
