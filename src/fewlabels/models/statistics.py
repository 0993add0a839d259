"""Batch statistics are a decision: whether passes use the batch's own, and whether the running ones move."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def rest_statistics(model: nn.Module) -> None:
    """From now on training, too, normalises by the running statistics, which stay as they are."""
    for layer in model.modules():
        if isinstance(layer, _BatchNorm):
            layer.eval()


@contextmanager
def fixed_statistics(model: nn.Module) -> Iterator[None]:
    """Within the block, passes in training mode normalise by their own batch and leave the running statistics alone."""
    tracking = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for layer in tracking:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True
