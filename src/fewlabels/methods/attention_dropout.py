"""ADL's piece: features are hidden where they are strongest, or weighed by how strong they are (Choe and Shim, 2019).

Legend: F (B, D, h, w) features, A (B, 1, h, w) their self-attention.
"""

from torch import Tensor


def self_attention(features: Tensor) -> Tensor:
    """A: the mean over the channels of what is positive in F, (B, 1, h, w).

    Behind a ReLU that is the paper's mean. Of stages without one (linear bottlenecks, ConvNeXt, a norm before its
    ReLU) negative values would make a share of the maximum meaningless.
    """
    return features.relu().mean(1, keepdim=True)


def drop_mask(attention: Tensor, threshold: float) -> Tensor:
    """Keep, (B, 1, h, w) bool, what lies below the share ``threshold`` of each image's maximum."""
    return attention < threshold * attention.amax((2, 3), keepdim=True)


def importance_map(attention: Tensor) -> Tensor:
    """Squash A to 0 to 1 by a sigmoid, (B, 1, h, w)."""
    return attention.sigmoid()


def attention_dropout(features: Tensor, drop: bool, threshold: float) -> Tensor:
    """Hide the strongest places of F (``drop``), or weigh F by its importance map; the same shape and dtype.

    The gradient flows through the importance map, too; the drop mask has none.
    """
    attention = self_attention(features)
    weight = drop_mask(attention.detach(), threshold) if drop else importance_map(attention)
    return features * weight.to(features.dtype)
