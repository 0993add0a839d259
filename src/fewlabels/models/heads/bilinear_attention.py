"""Bilinear attention pooling: each attention map pools the last map in its own way (WS-DAN; METHODS 4.1)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fewlabels.models.classifier import Outputs, SingleClassifier
from fewlabels.models.last_map import as_map

SCALE = 100.0
"""By which unit vectors are stretched before the linear layer, as in WS-DAN's code."""
_SMALL = 1e-6
"""Up to where the signed root is a straight line."""


class AttentionMaps(nn.Module):
    """M maps by a 1x1 convolution, batch normalisation and ReLU: (B, D, h, w) features give (B, M, h, w), from 0."""

    def __init__(self, channels: int, maps: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, maps, 1, bias=False)
        self.norm = nn.BatchNorm2d(maps, eps=1e-3)

    def forward(self, features: Tensor) -> Tensor:
        return self.norm(self.conv(features)).relu()


def bilinear_attention_pool(features: Tensor, attention: Tensor) -> Tensor:
    """Pool (B, D, h, w) features F by (B, M, h, w) maps A: (B, M * D) of unit length, in at least float32.

    P[m, d] is the mean of A_m F_d over the places, then comes its signed root, then the length of the whole vector.
    A vector of zeros stays one; near it the gradients of root and length are bounded.
    """
    pooled = torch.einsum("bmhw,bdhw->bmd", attention, features) / features[0, 0].numel()
    pooled = pooled.to(torch.promote_types(pooled.dtype, torch.float32)).flatten(1)
    return normalize(signed_sqrt(pooled), dim=1, eps=_SMALL**0.5)


def signed_sqrt(x: Tensor) -> Tensor:
    """sign(x) sqrt(|x|), with x / sqrt(1e-6) below 1e-6: the root's own gradient at 0 is infinite, this one is 1000."""
    return x * x.abs().clamp(min=_SMALL).rsqrt()


class BilinearAttentionClassifier(SingleClassifier):
    """A classifier with bilinear attention pooling in the place of the backbone's own, dropout included.

    LCHP's paper: ``inception_v3_mixed_6e`` with 32 maps, 32 * 768 = 24,576 features. The head is linear without bias,
    on features of length 100.

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
        assert x.ndim == 4, "attention looks at maps, not at features: such a method declares frozen_trunk = 'pixels'"
        return self._pooled(x)[0]

    def outputs(self, x: Tensor) -> Outputs:
        """Compute logits, pooled features and the (B, D, h, w) last map of (B, C, H, W) images."""
        pooled, last = self._pooled(x)
        return Outputs(self.head(pooled), pooled, last)
