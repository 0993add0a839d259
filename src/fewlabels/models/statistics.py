"""Control of batch statistics: whether a pass uses those of its batch, and whether it updates the running ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def freeze_statistics(model: nn.Module) -> None:
    """Make all backbones of a model, teachers included, normalise by their running statistics, which no longer change.

    Layers outside the backbones have no pretrained statistics and are not affected. The effect lasts until the next
    call of ``train()`` on a backbone.
    """
    for name, layer in model.named_modules():
        if isinstance(layer, _BatchNorm) and ".backbone." in f".{name}":
            layer.eval()


@contextmanager
def untracked_statistics(model: nn.Module) -> Iterator[None]:
    """Context manager: training passes normalise by their own batch and do not update the running statistics.

    Layers frozen by :func:`freeze_statistics` still normalise by their running statistics.
    """
    tracking = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    for layer in tracking:
        layer.track_running_stats = False
    try:
        yield
    finally:
        for layer in tracking:
            layer.track_running_stats = True
