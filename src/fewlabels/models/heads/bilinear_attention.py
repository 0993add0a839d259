"""Bilinear attention pooling of WS-DAN: each attention map pools the last map (docs/papers/lchp.md, Algorithm)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map

SCALE = 100.0
"""Length of the feature vectors before the linear layer, as in WS-DAN's code."""
_SMALL = 1e-6
"""Below this absolute value the signed root is linear."""


class AttentionMaps(nn.Module):
    """Non-negative (B, M, h, w) maps of (B, D, h, w) features: 1x1 convolution, batch normalisation and ReLU."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, 1, bias=False)
        self.norm = nn.BatchNorm2d(maps, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        return self.norm(self.conv(features)).relu()


def bilinear_attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Pool (B, D, h, w) features F by (B, M, h, w) maps A: (B, M * D) of unit length, in at least float32.

    P[m, d], the mean of A_m F_d over the locations, is replaced by its signed root, and the whole vector is scaled to
    unit length (docs/papers/lchp.md, L-6). A vector of zeros stays zero; near zero the gradients are bounded.
    """
    pooled = torch.einsum("bmhw,bdhw->bmd", attention, features) / features[0, 0].numel()
    pooled = pooled.to(torch.promote_types(pooled.dtype, torch.float32)).flatten(1)
    return normalize(signed_sqrt(pooled), dim=1, eps=_SMALL**0.5)


def signed_sqrt(x: Tensor) -> Tensor:
    """Compute sign(x) sqrt(|x|), or x / sqrt(1e-6) below 1e-6, which bounds the gradient by 1000."""
    return x * x.abs().clamp(min=_SMALL).rsqrt()


class BilinearAttentionClassifier(SingleClassifier):
    """A classifier whose bilinear attention pooling replaces the backbone's pooling and dropout.

    The head is linear without bias, on features of length 100. LCHP's paper uses ``inception_v3_mixed_6e`` with 32
    maps, hence 32 * 768 = 24,576 features.

    Args:
        backbone: any network with timm's ``forward_features``.
        num_features: D, the number of channels of its last map (:func:`fewlabels.models.backbones.map_shape`).
        num_classes: K.
        maps: M.
    """

    def __init__(self, backbone: nn.Module, num_features: int, num_classes: int, maps: int = 32) -> None:
        pooled = maps * num_features
        super().__init__(backbone, nn.Linear(pooled, num_classes, bias=False), pooled, num_classes)
        self.attention = AttentionMaps(num_features, maps)

    def _pooled(self, x: Tensor) -> tuple[Tensor, Tensor]:
        last = as_map(self.last(x), self.backbone)
        return SCALE * bilinear_attention_pool(last, self.attention(last)), last

    def features(self, x: Tensor) -> Tensor:
        """Compute (B, M * D) pooled features, of length 100, of (B, C, H, W) images."""
        assert x.ndim == 4, "attention needs maps, not cached features: such a method declares frozen_trunk = 'pixels'"
        return self._pooled(x)[0]

    def outputs(self, x: Tensor) -> Outputs:
        """Compute logits, pooled features and the (B, D, h, w) last map of (B, C, H, W) images."""
        pooled, last = self._pooled(x)
        return Outputs(self.head(pooled), pooled, last)
