"""Class-specific maps: a 1x1 convolution gives each class a map before pooling, and the map gives the class its score.

Legend: B images, K classes, (h, w) places. The papers' symbols are those of Saliency Regularization, Sec. 3.
"""

from math import log
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map, as_single_location

PRIOR = 0.01
"""The probability of each class that a head with a bias begins with (pi of Lin et al., Focal Loss, ICCV 2017)."""


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


def at_unit_scale(features: Tensor) -> Tensor:
    """Divide the (B, D, h, w) features of an image by one number, so that the root mean square of their means is 1.

    A blank image, all zeros, stays blank.
    """
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    square = wide.mean((2, 3), keepdim=True).square().mean(1, keepdim=True)
    return features / square.clamp_min(1e-12).sqrt().to(features.dtype)


class ClassMapClassifier(SingleClassifier):
    """A classifier that scores classes by their maps; ``head`` is the 1x1 convolution.

    Layers that the backbone has after its pooling (a norm, a wider layer) are applied at each place. What is kept of a
    frozen trunk are the features of all places, (B, D, h * w) float16; with ``saliency`` 0, when the logits are those
    of a linear head on the mean over the places, (B, D) pooled features.

    Features of pretrained weights are ``scaled``: those of an image are divided by one number, so that the root mean
    square of their means over the places is 1. No image then counts more for being bright or busy, and a learning rate
    means the same for every backbone. Their convolution has a ``bias``, which begins where each class has a probability
    of ``PRIOR``: most images lack most classes, and weights that decay would have to say so by the features. Networks
    that begin from nothing have neither, as in the paper (METHODS R9).
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

    def places(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the features of each place, (B, D, h, w), and the last map, (B, D', h, w), of (B, C, H, W) images.

        What :meth:`embed` gave of images has its places in a row: (B, D, h * w, 1).
        """
        features, last = self._unscaled(x)
        return at_unit_scale(features) if self.scaled else features, last

    def _unscaled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if x.ndim < 4:
            kept = x.to(torch.promote_types(x.dtype, torch.float32))
            kept = kept[..., None] if x.ndim == 3 else kept[:, :, None, None]
            return kept, kept
        backbone: Any = self.backbone
        last = self.last(x)
        found = as_map(last, self.backbone)
        place = as_single_location(found.movedim(1, 3).flatten(0, 2), last, self.backbone)
        features = backbone.forward_head(place, pre_logits=True).unflatten(0, (len(found), *found.shape[2:]))
        return features.movedim(3, 1), found

    def class_maps(self, x: Tensor) -> Tensor:
        """Compute (B, K, h, w) maps A of (B, C, H, W) images."""
        return self.head(self.places(x)[0])

    def scores(self, x: Tensor) -> ClassScores:
        """Compute what the maps of (B, C, H, W) images say, or of what was kept of them."""
        assert x.ndim > 2 or not self.saliency, "pooled features have no salient places"
        return class_scores(self.class_maps(x), self.saliency, self.top)

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(x).logits

    def features(self, x: Tensor) -> Tensor:
        return self.places(x)[0].mean((2, 3))

    def embed(self, x: Tensor) -> Tensor:
        features = self._unscaled(x)[0]
        return features.flatten(2).half() if self.saliency else features.mean((2, 3)).float()

    def outputs(self, x: Tensor) -> Outputs:
        features, last = self.places(x)
        logits = class_scores(self.head(features), self.saliency, self.top).logits
        return Outputs(logits, features.mean((2, 3)), last)
