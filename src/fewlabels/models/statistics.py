"""Batch statistics are a decision: whether passes use the batch's own, and whether the running ones move."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_statistics(model: nn.Module) -> None:
    """From now on backbones, a teacher's too, normalise by the running statistics in training; these stay as they are.

    Layers outside the backbones, which no weights brought statistics for, go on as before.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm) and ".backbone." in f".{name}":
            layer.eval()


@contextmanager
def untracked_statistics(model: nn.Module) -> Iterator[None]:
    """Within the block, passes in training mode normalise by their own batch and leave the running statistics alone.

    What :func:`freeze_statistics` put to rest normalises by the running ones here, too.
    """
    tracking = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for layer in tracking:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True
