"""Class-specific maps: a 1x1 convolution computes a map per class, and the score of a class is computed from its map.

B images, K classes, (h, w) locations. The symbols are those of Saliency Regularization, Sec. 3
(docs/papers/saliency-regularization.md, Algorithm).
"""

from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map, as_single_location

PRIOR = 0.01
"""Initial probability of each class for a head with a bias (pi of Lin et al., Focal Loss, ICCV 2017)."""


class ClassScores(NamedTuple):
    """Scores of the classes, computed from their maps."""

    mean: Tensor
    """(B, K) a_c: the mean of the map."""
    salient: Tensor
    """(B, K) s_c: the mean of the largest values of the map."""
    logits: Tensor
    """(B, K) z_c = a_c + alpha s_c."""


def class_scores(maps: Tensor, saliency: float, top: int) -> ClassScores:
    """Score (B, K, h, w) maps A (Saliency Regularization, Eq. 2 to 4), in at least float32.

    Args:
        maps: not rectified: negative values count (docs/papers/saliency-regularization.md, R3).
        saliency: alpha; with 0 the logits are the means.
        top: k, the number of largest values of each map that are averaged; all values where there are fewer locations
            (docs/papers/saliency-regularization.md, R12).
    """
    values = maps.flatten(2).to(torch.promote_types(maps.dtype, torch.float32))
    mean = values.mean(2)
    salient = values.topk(min(top, values.shape[2]), dim=2).values.mean(2)
    return ClassScores(mean, salient, mean + saliency * salient if saliency else mean)


def at_unit_scale(features: Tensor) -> Tensor:
    """Scale the (B, D, h, w) features of each image: their means over the locations get a root mean square of 1.

    Features that are all zero stay zero.
    """
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    square = wide.mean((2, 3), keepdim=True).square().mean(1, keepdim=True)
    return features / square.clamp_min(1e-12).sqrt().to(features.dtype)


class ClassMapClassifier(SingleClassifier):
    """A classifier that scores classes by their maps; ``head`` is the 1x1 convolution.

    Layers that the backbone has after its pooling (a norm, a wider layer) are applied at each location. :meth:`embed`
    returns the features of all locations, (B, D, h * w) float16, or (B, D) float32 pooled features where ``saliency``
    is 0: the logits then are those of a linear head on the mean over the locations.

    With pretrained weights, features are ``scaled`` and the convolution has a ``bias``. Scaling gives bright or
    detailed images no more weight than others, and makes one learning rate suit every backbone. The bias starts where
    each class has the probability ``PRIOR``, because most images lack most classes and decayed weights would have to
    express this through the features. Randomly initialised networks have neither, as in the paper
    (docs/papers/saliency-regularization.md, R9).

    Args:
        backbone: see :class:`~fewlabels.models.classifier.SingleClassifier`; so are the two numbers.
        num_features: D.
        num_classes: K.
        saliency: alpha of :func:`class_scores`.
        top: k of :func:`class_scores`.
        scaled: applies :func:`at_unit_scale` to the features.
        bias: of the convolution.
    """

    def __init__(
        self, backbone: nn.Module, num_features: int, num_classes: int, saliency: float = 0.0, top: int = 5,
        scaled: bool = False, bias: bool = False,
    ) -> None:  # fmt: skip
        head = nn.Conv2d(num_features, num_classes, 1, bias=bias)
        if head.bias is not None:
            nn.init.constant_(head.bias, log(PRIOR / (1 - PRIOR)) / (1 + saliency))
        super().__init__(backbone, head, num_features, num_classes)
        self.saliency, self.top, self.scaled = saliency, top, scaled

    def location_features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of each location, (B, D, h, w), and the last map, (B, D', h, w), of (B, C, H, W) images.

        Embedded images (:meth:`embed`) have one row of locations: (B, D, h * w, 1).
        """
        features, last = self._unscaled(x)
        return at_unit_scale(features) if self.scaled else features, last

    def _unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.ndim < 4:
            embedded = x.to(torch.promote_types(x.dtype, torch.float32))
            embedded = embedded[..., None] if x.ndim == 3 else embedded[:, :, None, None]
            return embedded, embedded
        backbone: Any = self.backbone
        last = self.last(x)
        found = as_map(last, self.backbone)
        locations = as_single_location(found.movedim(1, 3).flatten(0, 2), last, self.backbone)
        features = backbone.forward_head(locations, pre_logits=True).unflatten(0, (len(found), *found.shape[2:]))
        return features.movedim(3, 1), found

    def class_maps(self, x: Tensor) -> Tensor:
        """Compute (B, K, h, w) maps A of (B, C, H, W) images."""
        return self.head(self.location_features(x)[0])

    def scores(self, x: Tensor) -> ClassScores:
        """Compute the class scores of (B, C, H, W) images, or of embedded images."""
        assert x.ndim > 2 or not self.saliency, "pooled features have no salient locations"
        return class_scores(self.class_maps(x), self.saliency, self.top)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x).logits

    def features(self, x: Tensor) -> Tensor:
        return self.location_features(x)[0].mean((2, 3))

    def embed(self, x: Tensor) -> Tensor:
        features = self._unscaled(x)[0]
        return features.flatten(2).half() if self.saliency else features.mean((2, 3)).float()

    def outputs(self, x: Tensor) -> Outputs:
        features, last = self.location_features(x)
        logits = class_scores(self.head(features), self.saliency, self.top).logits
        return Outputs(logits, features.mean((2, 3)), last)
