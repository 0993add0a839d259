"""Attention pooling: a learned map says where to look, instead of the mean over all places."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map, as_single_location


class SpatialAttention(nn.Module):
    """M maps by a 1x1 convolution, batch normalisation and ReLU, summed (student report, Sec. 3.3; METHODS S4).

    (B, D, h, w) features give a (B, h, w) map of non-negative weights. The normalisation starts with a shift of 1, near
    plain mean pooling: from 0 the ReLU was soon off everywhere in most runs on digits.
    """

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, 1)
        self.norm = nn.BatchNorm2d(maps)
        nn.init.ones_(self.norm.bias)

    def forward(self, features: Tensor) -> Tensor:
        return self.norm(self.conv(features)).relu().sum(1)


def attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Weigh (B, D, h, w) features by a (B, h, w) map and average over the places: (B, D)."""
    return (features * attention[:, None]).mean((2, 3))


class Attended(NamedTuple):
    """What an image gives, and where the network looked."""

    logits: Tensor
    """(B, K)."""
    attention: Tensor
    """(B, h, w)."""


class AttentionClassifier(SingleClassifier):
    """A classifier in which attention, in training and at test, stands in for the pooling of the backbone.

    What the backbone does after its pooling (a norm, a wider layer, dropout) it still does. ``map_width`` is the
    number of channels of its last map.
    """

    def __init__(
        self, backbone: nn.Module, head: nn.Module, num_features: int, num_classes: int, maps: int, map_width: int
    ) -> None:
        super().__init__(backbone, head, num_features, num_classes)
        self.attention = SpatialAttention(map_width, maps)

    def _pooled(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        backbone: Any = self.backbone
        last = self.last(x)
        features = as_map(last, self.backbone)
        attention = self.attention(features)
        place = as_single_location(attention_pool(features, attention), last, self.backbone)
        return backbone.forward_head(place, pre_logits=True), attention, features

    def features(self, x: Tensor) -> Tensor:
        assert x.ndim == 4, "attention looks at maps, not at features: such a method declares frozen_trunk = 'pixels'"
        return self._pooled(x)[0]

    def outputs(self, x: Tensor) -> Outputs:
        pooled, _, last = self._pooled(x)
        return Outputs(self.head(pooled), pooled, last)

    def attended(self, x: Tensor) -> Attended:
        """Compute the logits and the attention maps of (B, C, H, W) images."""
        pooled, attention, _ = self._pooled(x)
        return Attended(self.head(pooled), attention)
