"""A linear head on features of unit length."""

from torch import Tensor, nn
from torch.nn.functional import normalize


class NormalizedLinear(nn.Linear):
    """A linear layer on features scaled to unit length, so that every image has the same weight in the fit."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(normalize(input, dim=1))
