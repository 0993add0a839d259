"""ACoL's two branches of class maps; features that the first branch relies on are erased for the second.

Source: Zhang et al., CVPR 2018 (docs/papers/baselines.md, acol).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.heads.class_maps import ClassMapClassifier, ClassScores, class_scores
from fewlabels.models.maps.evidence import of_class
from fewlabels.models.maps.regions import scaled

ERASING = 0.6
"""Default of the authors' code; wsolevaluation uses 0.7 (docs/papers/baselines.md, acol)."""


class MapBranch(nn.Module):
    """Convolutions from the last map, (B, D, h, w), to a map per class, (B, K, h, w).

    A 3x3 convolution to D channels and a ReLU, then a 1x1 convolution: our choice, for a backbone of any width. The
    authors' branches have two 3x3 convolutions of 1024 channels.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.body = nn.Conv2d(num_features, num_features, 3, padding=1)
        self.head = nn.Conv2d(num_features, num_classes, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.body(features).relu())


class AdversarialMaps(NamedTuple):
    """Class maps of both branches, (B, K, h, w) each."""

    first: Tensor
    """Branch A."""
    second: Tensor
    """Branch B, computed from features in which A's class is erased."""


class AdversarialMapClassifier(ClassMapClassifier):
    """A classifier with two branches: ``head`` is branch A, ``complement`` is branch B.

    The logits are the means of A's maps. The maps at test time (:meth:`class_maps`) are the maximum of both branches,
    each scaled to 0 to 1 within its image and class. At test time the features erased for B are those of A's most
    probable class, whatever class is asked for (as in the authors' code without labels), so that one pass computes all
    maps.
    """

    complement: MapBranch
    erasing: Tensor
    """() threshold of A's scaled map from which features are erased for B; a buffer, so that it is saved."""

    def __init__(self, backbone: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__(backbone, num_features, num_classes)
        self.head = MapBranch(num_features, num_classes)
        self.complement = MapBranch(num_features, num_classes)
        self.register_buffer("erasing", torch.tensor(ERASING))

    def both_maps(self, x: Tensor, classes: Tensor | None = None) -> AdversarialMaps:
        """Compute the maps of both branches for (B, C, H, W) images.

        Args:
            x: the images.
            classes: (B,) int64, the classes erased for B; None for A's predictions.
        """
        features, _ = self.location_features(x)
        first = self.head(features)
        guide = of_class(first, first.mean((2, 3)).argmax(1) if classes is None else classes)
        return AdversarialMaps(first, self.complement(erase_features(features, guide, self.erasing)))

    def class_maps(self, x: Tensor) -> Tensor:
        """Compute (B, K, h, w) maps from 0 to 1."""
        first, second = (
            scaled(maps.flatten(0, 1), "min-max").unflatten(0, maps.shape[:2]) for maps in self.both_maps(x)
        )
        return torch.maximum(first, second)

    def scores(self, x: Tensor) -> ClassScores:
        """Compute the class scores of A's maps."""
        return class_scores(self.head(self.location_features(x)[0]), 0.0, self.top)


def erase_features(features: Tensor, maps: Tensor, threshold: float | Tensor) -> Tensor:
    """Set (B, D, h, w) features to zero where their (B, h, w) map, scaled to 0 to 1, is at or above the threshold.

    A constant map erases nothing. No gradient flows into the map.
    """
    return features * (scaled(maps.detach(), "min-max") < threshold)[:, None]
