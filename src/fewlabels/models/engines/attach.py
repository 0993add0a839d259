"""Give the networks of a model an engine, or take it away for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.engines.engine import TORCH, Engine


def use_engine(module: nn.Module, engine: Engine) -> None:
    """Let an engine compute the passes of all networks in a model or method, teachers included."""
    for network in _networks(module):
        network.engine = engine


@contextmanager
def by_torch(module: nn.Module) -> Iterator[None]:
    """Context manager: torch computes all passes, for single blank images that are not worth a conversion."""
    before = {network: network.engine for network in _networks(module)}
    use_engine(module, TORCH)
    try:
        yield
    finally:
        for network, engine in before.items():
            network.engine = engine


def _networks(module: nn.Module) -> list[SingleClassifier]:
    return [part for part in module.modules() if isinstance(part, SingleClassifier)]
