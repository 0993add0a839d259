"""Exponential moving average of the weights and batch statistics: the model that is evaluated and saved."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier

Pair = tuple[list[Tensor], list[Tensor]]


class WeightAverage(nn.Module):
    """Update shadow <- decay * shadow + (1 - decay) * model, over parameters *and* floating-point buffers.

    BatchNorm buffers are averaged as well: a teacher whose running statistics do not match its weights is a common
    silent bug. Integer buffers are copied.

    Args:
        model: its copy is the first average.
        decay: from 0 (a plain copy of the model) to below 1.
        ramp: limits the decay to (1 + t) / (10 + t) after t updates, so that the initial weights are soon forgotten.
    """

    updates: Tensor
    shadow: Classifier

    def __init__(self, model: Classifier, decay: float, ramp: bool = True) -> None:
        super().__init__()
        self.decay = decay
        self.ramp = ramp
        self.shadow = deepcopy(model).requires_grad_(False).eval()
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))
        self._count = -1
        self._pairs: tuple[Pair, Pair] | None = None

    @torch.no_grad()
    def restart(self, model: nn.Module) -> None:
        """Restart the average from the current model."""
        self.shadow.load_state_dict(model.state_dict())
        self._count = 0
        self.updates.zero_()

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Update the average with the current model; with decay 0, copy the model."""
        if self._count < 0:
            self._count = int(self.updates)
        keep = min(self.decay, (1 + self._count) / (10 + self._count)) if self.decay and self.ramp else self.decay
        self._count += 1
        self.updates.fill_(self._count)
        if self._pairs is None:
            self._pairs = _pairs(self.shadow, model)
        floats, others = self._pairs
        torch._foreach_lerp_(*floats, 1 - keep)  # pyright: ignore[reportPrivateImportUsage]
        for shadow, new in zip(*others, strict=True):
            shadow.copy_(new)


def _pairs(shadow: nn.Module, model: nn.Module) -> tuple[Pair, Pair]:
    """Return the tensors to update as (shadow's, model's): the floating-point ones, then the others.

    Frozen weights never differ and are left out.
    """
    weights = dict(model.named_parameters())
    moving = {n: w for n, w in weights.items() if w.requires_grad} | dict(model.named_buffers())
    own = {**dict(shadow.named_parameters()), **dict(shadow.named_buffers())}
    floats = [n for n, t in moving.items() if t.is_floating_point()]
    others = [n for n in moving if n not in set(floats)]
    return ([own[n] for n in floats], [moving[n] for n in floats]), (
        [own[n] for n in others],
        [moving[n] for n in others],
    )
