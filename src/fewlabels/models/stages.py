"""The last stages of a backbone, and hooks on their feature maps."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor, nn

from fewlabels.errors import UserError

_PARTS = ("blocks", "layers", "norms")
"""The attribute that holds the layers of our own networks: WideResNet, the 13- and 3-layer CNN, SmallCNN."""

StageHook = Callable[[int, Tensor], Tensor | None]
"""Receives the index of a stage and its (B, D, h, w) map; returns the map that replaces it, or None to keep it."""


class Stage(NamedTuple):
    """A module whose output is the feature map of a stage."""

    module: nn.Module
    width: int
    """D, the channels of the map."""


def last_stages(backbone: nn.Module, count: int) -> list[Stage]:
    """Return the last ``count`` stages, in the order of the forward pass.

    They are the stages of timm's ``feature_info``. Our own networks have none: there a stage ends where the width
    changes, and its module is a residual block, a block of convolution, norm and activation, or, in SmallCNN, a norm,
    whose map is the input of the ReLU. Raises UserError where the backbone has fewer stages.
    """
    stages = _of_timm(backbone) or _of_ours(backbone)
    if len(stages) < count:
        raise UserError(
            f"the backbone ({type(backbone).__name__}) has fewer than {count} stages, which this method needs: choose "
            "another --backbone, for example resnet18 or mobilenetv2_100"
        )
    return stages[-count:]


def _of_timm(backbone: nn.Module) -> list[Stage]:
    info = getattr(backbone, "feature_info", None)
    known = dict(backbone.named_modules())
    entries = info if isinstance(info, list) else []
    return [Stage(known[entry["module"]], entry["num_chs"]) for entry in entries if entry.get("module") in known]


def _of_ours(backbone: nn.Module) -> list[Stage]:
    rows = [row for name in _PARTS if isinstance(row := getattr(backbone, name, None), nn.Sequential | nn.ModuleList)]
    parts = [Stage(part, width) for part in (rows[0] if rows else ()) if (width := _width(part))]
    return [part for part, after in pairwise(parts) if part.width != after.width] + parts[-1:]


def _width(part: nn.Module) -> int | None:
    """Return the output channels of the last convolution or norm; None for a module without either."""
    layers = [layer for layer in part.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    if not layers:
        return None
    last = layers[-1]
    return last.out_channels if isinstance(last, nn.Conv2d) else last.num_features


@contextmanager
def at_stages(backbone: nn.Module, stages: Sequence[Stage], hook: StageHook) -> Iterator[None]:
    """Context manager: call ``hook`` with the map of each stage, and replace the map by what it returns.

    The hooks are removed afterwards. Where the next layer works in place, a map that the hook stored changes with it
    (SmallCNN's norms: after the pass it is the output of the ReLU). Raises UserError where a stage has no feature map
    (ViT has tokens).
    """
    channels_last = getattr(backbone, "output_fmt", None) == "NHWC"

    def forward_hook(number: int, _: nn.Module, __: Any, found: Any) -> Tensor | None:
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise UserError(
                f"the stages of the backbone ({type(backbone).__name__}) have no feature maps, which this method "
                "needs: choose another --backbone, for example resnet18 or mobilenetv2_100"
            )
        changed = hook(number, found.movedim(3, 1) if channels_last else found)
        return changed.movedim(1, 3) if changed is not None and channels_last else changed

    handles = [stage.module.register_forward_hook(partial(forward_hook, number)) for number, stage in enumerate(stages)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
