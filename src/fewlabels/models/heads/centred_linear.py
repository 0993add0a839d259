"""A linear head on centred features of unit length."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

from fewlabels.models.heads.normalized_linear import NormalizedLinear


def square_root(features: Tensor) -> Tensor:
    """Scale (N, D) features to unit length after their square root, which keeps the sign.

    The root reduces the influence of a few large features (Perronnin et al., ECCV 2010).
    """
    return normalize(features.sign() * features.abs().sqrt(), dim=1)


class CentredLinear(NormalizedLinear):
    """A linear layer on the square roots of features, from which a fixed centre is subtracted, at unit length.

    Pooled features are positive and share a large mean, which makes all cosine similarities large; without it they
    tell images apart better.
    """

    needs_centre = True
    centre: Tensor
    """(D,) float32, zero until :meth:`set_centre`."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.register_buffer("centre", torch.zeros(in_features))

    def set_centre(self, features: Tensor) -> None:
        """Use the mean of these images (N, D) as centre."""
        self.centre.copy_(square_root(features).mean(0))

    def scaled(self, features: Tensor) -> Tensor:
        """Return what the linear layer sees of (N, D) features: vectors of unit length."""
        return normalize(square_root(features) - self.centre.to(features.device), dim=1)
