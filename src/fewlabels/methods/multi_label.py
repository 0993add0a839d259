"""Base class of the methods of task ``multilabel``."""

from typing import Any, ClassVar

import torch
from torch import Tensor

from fewlabels.methods.marks import sure
from fewlabels.methods.method import Method, Network


class MultiLabelMethod(Method):
    """Base class of the methods whose labels are marks, (B, K) int8: 1 present, -1 absent, 0 unknown.

    All training images are in the labelled stream, even those without a known mark.
    """

    needs_absent: ClassVar[bool] = True
    """False for methods that treat every unknown mark as absent; the others learn nothing if all known marks are
    presences (docs/papers/saliency-regularization.md, R16)."""

    @classmethod
    def network(cls, parameters: Any) -> Network:
        """Ask for one map per class, whose mean is the class's logit; pooled features of a frozen trunk also work."""
        return Network(head="class-maps")

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Return which of the probabilities (N, K) are accepted as marks, present or absent, (N, K) bool."""
        return sure(probabilities, 0.95)
