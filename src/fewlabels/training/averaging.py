"""A running average of the weights, batch statistics included: the model that is evaluated and saved."""

from copy import deepcopy
from typing import cast

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier


class WeightAverage(nn.Module):
    """shadow <- decay * shadow + (1 - decay) * model, over parameters *and* floating-point buffers.

    A teacher without the BatchNorm buffers of its weights is this field's most repeated silent bug. Early in a run the
    decay is (1 + t) / (10 + t), so that the initial weights do not linger. Integer buffers are copied.
    """

    updates: Tensor
    shadow: Classifier

    def __init__(self, model: Classifier, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.shadow = cast(Classifier, deepcopy(model).requires_grad_(False).eval())
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self._count = -1

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the shadow towards the model; with decay 0 it becomes the model."""
        if self._count < 0:
            self._count = int(self.updates)
        keep = min(self.decay, (1 + self._count) / (10 + self._count)) if self.decay else 0.0
        self._count += 1
        self.updates.fill_(self._count)
        pairs = list(zip(self._moving(self.shadow, model), self._moving(model, model), strict=True))
        floats = [(s, m) for s, m in pairs if s.is_floating_point()]
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            [s for s, _ in floats], [m for _, m in floats], 1 - keep
        )
        for shadow, new in pairs:
            if not shadow.is_floating_point():
                shadow.copy_(new)

    @staticmethod
    def _moving(of: nn.Module, model: nn.Module) -> list[Tensor]:
        """What can differ: trained parameters and buffers (a frozen trunk's weights stay equal by themselves)."""
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        return [w for name, w in of.named_parameters() if name in trained] + list(of.buffers())
