"""The engine that computes a backbone's passes. Torch is the reference; others answer where no gradient is needed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from fewlabels.models.stages import at_stages, last_stages


class Engine:
    """Torch, the reference. A subclass may answer some passes in another way and leaves the rest to this class.

    An engine holds no network: it is handed the backbone in every call, so one engine serves a method, its teachers and
    its averages. A deep copy of a network shares its engine.
    """

    name = "torch"
    """Names the engine and its version; part of the key of cached features."""
    independent = False
    """Whether the output for an image is bit-identical whatever images pass with it."""

    def __deepcopy__(self, _: Any) -> "Engine":
        return self

    def forward_features(self, backbone: nn.Module, x: Tensor) -> Any:
        """Compute the output of the backbone's last layer, in its own layout, for (B, C, H, W) images."""
        network: Any = backbone
        return network.forward_features(x)

    def last_stage(self, backbone: nn.Module, x: Tensor) -> Tensor:
        """Compute the (B, D, h, w) map of the backbone's last stage; raise UserError where there is none."""
        with recorded_last_stage(backbone) as seen:
            self.forward_features(backbone, x)
        return seen[0]

    @contextmanager
    def recorded_stage(self, backbone: nn.Module) -> Iterator[list[Tensor]]:
        """Context manager: yield a list that receives the map of the last stage in each pass of this backbone."""
        with recorded_last_stage(backbone) as seen:
            yield seen


@contextmanager
def recorded_last_stage(backbone: nn.Module) -> Iterator[list[Tensor]]:
    """Context manager: yield a list that receives the (B, D, h, w) map of the last stage in each pass of torch.

    Some backbones widen the map of the last stage by a further 1x1 convolution before pooling; the wider map follows
    objects less closely.
    """
    seen: list[Tensor] = []
    with at_stages(backbone, last_stages(backbone, 1), lambda _, found: seen.append(found.detach().clone())):
        yield seen


TORCH = Engine()
"""The reference, which every network has until :func:`fewlabels.models.engines.attach.use_engine` gives it another."""
