"""Attention-based dropout: hide the strongest features, or weight features by their strength (Choe and Shim, 2019).

Legend: F (B, D, h, w) features, A (B, 1, h, w) their self-attention.
"""

from torch import Tensor


def self_attention(features: Tensor) -> Tensor:
    """Average the positive part of F over the channels: A, (B, 1, h, w).

    After a ReLU this is the paper's mean. In stages that do not end in one (linear bottlenecks, ConvNeXt,
    normalisation before the ReLU), negative values would make a threshold relative to the maximum meaningless.
    """
    return features.relu().mean(1, keepdim=True)


def drop_mask(attention: Tensor, threshold: float) -> Tensor:
    """Return which places to keep, (B, 1, h, w) bool: those below ``threshold`` times the image's maximum."""
    return attention < threshold * attention.amax((2, 3), keepdim=True)


def importance_map(attention: Tensor) -> Tensor:
    """Map A to values from 0 to 1 by a sigmoid, (B, 1, h, w)."""
    return attention.sigmoid()


def attention_dropout(features: Tensor, drop: bool, threshold: float) -> Tensor:
    """Hide the strongest places of F if ``drop``, else multiply F by its importance map.

    The gradient also flows through the importance map; the drop mask has none.

    Args:
        features: (B, D, h, w) F.
        drop: apply the drop mask instead of the importance map.
        threshold: share of the image's maximum from which a place is hidden, from 0 to 1.

    Returns:
        (B, D, h, w), of the dtype of F.
    """
    attention = self_attention(features)
    weight = drop_mask(attention.detach(), threshold) if drop else importance_map(attention)
    return features * weight.to(features.dtype)
