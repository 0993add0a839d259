"""Attention pooling: the mean over all locations, weighted by a learned map."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map, as_single_location


class SpatialAttention(nn.Module):
    """The sum of M maps from a 1x1 convolution, batch normalisation and ReLU.

    Source: student report, Sec. 3.3 (docs/papers/student-report.md, S4). The bias of the normalisation starts at 1,
    near plain mean pooling: starting from 0, the ReLU soon became 0 everywhere in most runs on digits
    (docs/papers/student-report.md, A6).

    Args:
        channels: D.
        maps: M.
    """

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, 1)
        self.norm = nn.BatchNorm2d(maps)
        nn.init.ones_(self.norm.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Compute a (B, h, w) map of non-negative weights from (B, D, h, w) features."""
        return self.norm(self.conv(features)).relu().sum(1)


def attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Weight (B, D, h, w) features by a (B, h, w) map and average over the locations: (B, D)."""
    return (features * attention[:, None]).mean((2, 3))


class Attended(NamedTuple):
    """Logits of a batch and the attention map that led to them."""

    logits: Tensor
    """(B, K)."""
    attention: Tensor
    """(B, h, w)."""


class AttentionClassifier(SingleClassifier):
    """A classifier whose attention replaces the backbone's pooling, in training and at test.

    Layers that the backbone has after its pooling (a norm, a wider layer, dropout) are kept.

    Args:
        backbone: see :class:`~fewlabels.models.classifier.SingleClassifier`; so are ``head`` and the two numbers.
        head: maps (B, num_features) to (B, num_classes).
        num_features: D.
        num_classes: K.
        maps: M.
        map_width: D', the channels of the backbone's last map.
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
        location = as_single_location(attention_pool(features, attention), last, self.backbone)
        return backbone.forward_head(location, pre_logits=True), attention, features

    def features(self, x: Tensor) -> Tensor:
        assert x.ndim == 4, "attention needs maps, not cached features: such a method declares frozen_trunk = 'pixels'"
        return self._pooled(x)[0]

    def outputs(self, x: Tensor) -> Outputs:
        pooled, _, last = self._pooled(x)
        return Outputs(self.head(pooled), pooled, last)

    def attended(self, x: Tensor) -> Attended:
        """Compute logits and attention maps of (B, C, H, W) images."""
        pooled, attention, _ = self._pooled(x)
        return Attended(self.head(pooled), attention)
