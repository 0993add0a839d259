"""Layouts of a backbone's last feature map: NCHW, NHWC and tokens."""

from math import isqrt
from typing import Any

from torch import Tensor, nn

from fewlabels.errors import UserError


def as_map(last: Any, backbone: nn.Module) -> Tensor:
    """Convert the output of ``backbone.forward_features`` to (B, D', h, w), whatever its layout.

    Supports NCHW (convolutional networks), NHWC (Swin) and (B, prefix + h * w, D') tokens (ViT). Raises UserError for
    anything else: a list of maps, class tokens alone, or a number of tokens that does not form a grid.
    """
    if isinstance(last, Tensor) and last.ndim == 4:
        return last.permute(0, 3, 1, 2) if _is_channels_last(last, backbone) else last
    if isinstance(last, Tensor) and last.ndim == 3:
        patches = last[:, getattr(backbone, "num_prefix_tokens", 0) :]
        grid = _grid(backbone, patches.shape[1])
        if grid is not None:
            return patches.transpose(1, 2).unflatten(2, grid)
    raise UserError(
        f"the backbone ({type(backbone).__name__}) has no single last feature map, which this method needs: "
        "choose another --backbone, for example resnet18 or vit_tiny_patch16_224"
    )


def as_single_location(pooled: Tensor, last: Any, backbone: nn.Module) -> Tensor:
    """Convert (B, D') features pooled from ``last`` to a map with one location, in the layout of ``last``.

    ``backbone.forward_head`` then applies everything after its pooling (a norm, a wider layer), and its pooling has no
    effect.
    """
    if last.ndim == 3:
        return pooled[:, None].expand(-1, getattr(backbone, "num_prefix_tokens", 0) + 1, -1)
    return pooled[:, None, None] if _is_channels_last(last, backbone) else pooled[:, :, None, None]


def _is_channels_last(last: Tensor, backbone: nn.Module) -> bool:
    width = getattr(backbone, "num_features", None)
    declared = getattr(backbone, "output_fmt", None) == "NHWC"
    return declared or (last.shape[1] != width and last.shape[3] == width)


def _grid(backbone: nn.Module, tokens: int) -> tuple[int, int] | None:
    """Return rows and columns of the patches; a single token is a patch only where the backbone declares it."""
    known = getattr(getattr(backbone, "patch_embed", None), "grid_size", None)
    if known is not None and known[0] * known[1] == tokens:
        return known
    side = isqrt(tokens)
    return (side, side) if side > 1 and side * side == tokens else None
