"""A backbone's last stages: finding them, and looking at what they give during a pass."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor, nn

from fewlabels.errors import UserError

_PARTS = ("blocks", "layers", "norms")
"""What our own nets are a row of: WideResNet, the 13- and 3-layer CNN, SmallCNN."""

Look = Callable[[int, Tensor], Tensor | None]
"""From the number of a stage and its (B, D, h, w) map to the map that takes its place, or None to leave it."""


class Stage(NamedTuple):
    """A part of a backbone whose output is the map at the end of a stage."""

    module: nn.Module
    width: int
    """D, the channels of its map."""


def last_stages(backbone: nn.Module, count: int) -> list[Stage]:
    """Find the last ``count`` stages, in the order of the pass.

    They are those of timm's ``feature_info``. Our own nets have none: there a stage ends where the width changes, and
    is a residual block, a block of convolution, norm and activation, or, in SmallCNN, a norm, whose map is that
    before the ReLU. UserError where a backbone has no so many stages.
    """
    stages = _of_timm(backbone) or _of_ours(backbone)
    if len(stages) < count:
        raise UserError(
            f"the backbone ({type(backbone).__name__}) has no {count} stages that this method could look at: choose "
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
    """Channels after the last convolution or norm; None for a part without either (pooling, dropout)."""
    layers = [layer for layer in part.modules() if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)]
    if not layers:
        return None
    last = layers[-1]
    return last.out_channels if isinstance(last, nn.Conv2d) else last.num_features


@contextmanager
def at_stages(backbone: nn.Module, stages: Sequence[Stage], look: Look) -> Iterator[None]:
    """For the length of a ``with`` block show ``look`` the map of each stage, and put what it returns in its place.

    Nothing stays registered. Where the next layer works in place, a map that was kept changes with it (SmallCNN's
    norms: after the pass it is that behind the ReLU). UserError where a stage gives no map (ViT: tokens).
    """
    channels_last = getattr(backbone, "output_fmt", None) == "NHWC"

    def hook(number: int, _: nn.Module, __: Any, found: Any) -> Tensor | None:
        if not isinstance(found, Tensor) or found.ndim != 4:
            raise UserError(
                f"the stages of the backbone ({type(backbone).__name__}) give no feature maps, which this method "
                "needs: choose another --backbone, for example resnet18 or mobilenetv2_100"
            )
        changed = look(number, found.movedim(3, 1) if channels_last else found)
        return changed.movedim(1, 3) if changed is not None and channels_last else changed

    handles = [stage.module.register_forward_hook(partial(hook, number)) for number, stage in enumerate(stages)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
