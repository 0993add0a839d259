"""Class-specific maps: a 1x1 convolution gives each class a map before pooling, and the map gives the class its score.

Legend: B images, K classes, (h, w) places. The papers' symbols are those of Saliency Regularization, Sec. 3.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier, Outputs, as_map, as_single_place


class ClassScores(NamedTuple):
    """What a map says of its class."""

    mean: Tensor
    """(B, K) a_c: the mean of the map."""
    salient: Tensor
    """(B, K) s_c: the mean of its largest values."""
    logits: Tensor
    """(B, K) z_c = a_c + alpha s_c."""


def class_scores(maps: Tensor, saliency: float, top: int) -> ClassScores:
    """Score (B, K, h, w) maps A (Eq. 2 to 4), in at least float32.

    Args:
        maps: as they come: negative values count (METHODS R3).
        saliency: alpha; 0 gives logits that are the mean alone.
        top: k, the largest values of each map that are averaged; all of them where there are fewer places.
    """
    values = maps.flatten(2).to(torch.promote_types(maps.dtype, torch.float32))
    mean = values.mean(2)
    salient = values.topk(min(top, values.shape[2]), dim=2).values.mean(2)
    return ClassScores(mean, salient, mean + saliency * salient if saliency else mean)


class ClassMapClassifier(Classifier):
    """A classifier that scores classes by their maps; ``head`` is the 1x1 convolution, without a bias (METHODS R9).

    Layers that the backbone has after its pooling (a norm, a wider layer) are applied at each place. With
    ``saliency`` 0 the logits are those of a linear head on the mean over the places, so that (B, D) features of a
    frozen trunk will do in the place of images.
    """

    def __init__(
        self, backbone: nn.Module, num_features: int, num_classes: int, saliency: float = 0.0, top: int = 5
    ) -> None:
        super().__init__(backbone, nn.Conv2d(num_features, num_classes, 1, bias=False), num_features, num_classes)
        self.saliency, self.top = saliency, top

    def places(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of each place, (B, D, h, w), and the last map, (B, D', h, w), of (B, C, H, W) images."""
        if x.ndim == 2:
            return x[:, :, None, None], x[:, :, None, None]
        backbone: Any = self.backbone
        last = backbone.forward_features(x)
        found = as_map(last, self.backbone)
        place = as_single_place(found.movedim(1, 3).flatten(0, 2), last, self.backbone)
        features = backbone.forward_head(place, pre_logits=True).unflatten(0, (len(found), *found.shape[2:]))
        return features.movedim(3, 1), found

    def class_maps(self, x: Tensor) -> Tensor:
        """Compute (B, K, h, w) maps A of (B, C, H, W) images."""
        return self.head(self.places(x)[0])

    def scores(self, x: Tensor) -> ClassScores:
        """Compute what the maps of (B, C, H, W) images say; of (B, D) features where ``saliency`` is 0."""
        assert x.ndim == 4 or not self.saliency, "salient places are of images: such a method declares needs_pixels"
        return class_scores(self.class_maps(x), self.saliency, self.top)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x).logits

    def features(self, x: Tensor) -> Tensor:
        return self.places(x)[0].mean((2, 3))

    def outputs(self, x: Tensor) -> Outputs:
        features, last = self.places(x)
        logits = class_scores(self.head(features), self.saliency, self.top).logits
        return Outputs(logits, features.mean((2, 3)), last)
