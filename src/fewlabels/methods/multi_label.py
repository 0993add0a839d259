"""What the methods of the multi-label task share: the network they ask for, and what is said of their answers."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from fewlabels.methods.marks import sure
from fewlabels.methods.method import Method, Network


class MultiLabelMethod(Method):
    """Base of the methods whose labels are marks, (B, K) int8: 1 present, -1 absent, 0 unknown.

    Every training image comes in the labelled stream, whether any of its marks is known or not.
    """

    needs_absent: ClassVar[bool] = True
    """False for methods that take every unknown mark for an absence; the others learn nothing from marks that are all
    present (METHODS R16)."""

    @classmethod
    def network(cls, parameters: Any) -> Network:
        """A map for each class, whose mean is the class's logit; features of a frozen trunk will do."""
        return Network(head="class-maps")

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """(N, K) bool: which of these (N, K) probabilities would be trusted as marks, present or absent."""
        return sure(probabilities, 0.95)
