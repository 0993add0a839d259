"""A linear head on features of unit length."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import normalize


class NormalizedLinear(nn.Linear):
    """A linear layer on features scaled to unit length, so that every image has the same weight in the fit."""

    needs_centre: ClassVar[bool] = False
    """Whether the scaling depends on :meth:`set_centre`."""

    def scaled(self, features: Tensor) -> Tensor:
        """Return what the linear layer sees of (N, D) features: vectors of unit length."""
        return normalize(features, dim=1)

    def set_centre(self, features: Tensor) -> None:
        """Do nothing: these features are not centred."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(self.scaled(input))
