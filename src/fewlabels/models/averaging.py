"""A running average of the weights, batch statistics included: the model that is evaluated and saved."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier

Pair = tuple[list[Tensor], list[Tensor]]


class WeightAverage(nn.Module):
    """shadow <- decay * shadow + (1 - decay) * model, over parameters *and* floating-point buffers.

    A teacher without the BatchNorm buffers of its weights is this field's most repeated silent bug. Early in a run the
    decay is (1 + t) / (10 + t), so that the initial weights do not linger; without ``ramp`` it is always the same.
    Integer buffers are copied.
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
        """Make the shadow the model as it is now, and begin the average anew."""
        self.shadow.load_state_dict(model.state_dict())
        self._count = 0
        self.updates.zero_()

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the shadow towards the model; with decay 0 it becomes the model."""
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
    """What can differ, shadow beside model: floating-point tensors, then others.

    A frozen trunk's weights stay equal by themselves and are left out.
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
