"""Backbones from timm: names, creation, and clear errors where a backbone does not fit."""

from contextlib import suppress
from typing import Any

import timm
import torch
from timm.models import PretrainedCfg
from torch import Tensor, nn

from fewlabels.errors import UserError, nearest
from fewlabels.models.inference import evaluating
from fewlabels.models.last_map import as_map
from fewlabels.models.nets import (
    cnn3,
    cnn13,
    inception_mixed_6e,  # noqa: F401  registers a shortened network of timm's
    small_cnn,
    wide_resnet,
)

OWN_BACKBONES = tuple(name for module in (cnn3, cnn13, small_cnn, wide_resnet) for name in module.default_cfgs)
"""The networks that timm lacks; importing their modules registers them with timm."""
PAD_TYPES = ("", "same", "valid")
FINE_STRIDE = 16
"""Pixels of the image per location of a fine map."""

_FAILURES = (TypeError, ValueError, RuntimeError, AssertionError, LookupError, AttributeError, ZeroDivisionError)
"""What timm raises for a size, an option or a state dict that a network does not support."""


def pretrained_cfg(backbone: str) -> PretrainedCfg:
    """Return timm's configuration of a backbone: its normalisation, its head, and whether its image size is fixed.

    Raises UserError for a name that timm does not know. Names that load a configuration from elsewhere
    (``hf-hub:...``, ``local-dir:...``) count as unknown.
    """
    found = timm.get_pretrained_cfg(backbone) if timm.is_model(backbone) else None
    if found is None:
        raise UserError(f"--backbone {backbone}: there is no such backbone; {_nearest(backbone)}")
    return found


def _nearest(backbone: str) -> str:
    """Prefer names that begin with what was typed, as users leave out endings such as ``_patch16_224``."""
    names = timm.list_models()
    longer = [name for name in names if name.startswith(backbone)] if backbone else []
    return f"did you mean '{min(longer, key=len)}'?" if longer else nearest(backbone, names)


def create(
    backbone: str, channels: int, image_size: int, pad_type: str | None = None, fine_map: bool = False, **options: Any
) -> nn.Module:
    """Create a backbone without classifier for (B, channels, image_size, image_size) images.

    Args:
        backbone: a name of timm's, ours included.
        channels: of the images.
        image_size: height and width in pixels.
        pad_type: padding of the convolutions; "same" for weights from TensorFlow, None for the backbone's own.
        fine_map: reduce the side of the last map by 16 instead of 32 where the backbone supports it (timm's
            ``output_stride``: the same weights, dilated); others keep their own stride.
        options: further arguments of ``timm.create_model``.

    Raises:
        UserError: where the backbone can't be built with these options.
    """
    arguments: dict[str, Any] = {"num_classes": 0, "in_chans": channels, **options}
    if pretrained_cfg(backbone).fixed_input_size:  # its position table has the size of the image
        arguments["img_size"] = image_size
    if pad_type is not None:
        arguments["pad_type"] = pad_type
    if fine_map:
        with suppress(*_FAILURES):
            return timm.create_model(backbone, output_stride=FINE_STRIDE, **arguments)
    try:
        return timm.create_model(backbone, **arguments)
    except _FAILURES as error:
        if pad_type is not None and "pad_type" in str(error):
            raise UserError(
                f"--backbone {backbone} has no padding option, but its weights ask for '{pad_type}'"
            ) from error
        raise UserError(f"{_refusal(backbone, channels, image_size)} ({_first_line(error)})") from error


@torch.no_grad()
def feature_width(backbone: nn.Module, name: str, channels: int, image_size: int) -> int:
    """Return D, the length of the pooled features, by a pass of one blank image.

    Raises UserError where the backbone does not support the image size.
    """
    weight = next(backbone.parameters())
    blank = torch.zeros(1, channels, image_size, image_size, device=weight.device, dtype=weight.dtype)
    trunk: Any = backbone
    was_training = backbone.training
    backbone.eval()
    try:
        features: Tensor = trunk.forward_head(trunk.forward_features(blank), pre_logits=True)
    except _FAILURES as error:
        raise UserError(f"{_refusal(name, channels, image_size)} ({_first_line(error)})") from error
    finally:
        backbone.train(was_training)
    if not isinstance(features, Tensor) or features.ndim != 2:
        raise UserError(f"--backbone {name} has no pooled feature vector: choose another")
    patch = max(getattr(getattr(backbone, "patch_embed", None), "patch_size", (1,)))
    if image_size % patch:  # timm would silently drop the last rows and columns
        raise UserError(f"--backbone {name} needs an --image-size that is a multiple of {patch}, not {image_size}")
    if not features.isfinite().all():  # the mean over an empty map
        raise UserError(_refusal(name, channels, image_size))
    return features.shape[1]


@torch.no_grad()
def map_shape(backbone: nn.Module, channels: int, image_size: int) -> tuple[int, int, int]:
    """Return D', h and w of the last map; raise UserError where the backbone has none."""
    trunk: Any = backbone
    with evaluating(backbone):
        _, *shape = as_map(trunk.forward_features(torch.zeros(1, channels, image_size, image_size)), backbone).shape
    return shape[0], shape[1], shape[2]


def _refusal(name: str, channels: int, image_size: int) -> str:
    return (
        f"--backbone {name} does not support {image_size} px images with {channels} channel{'s' * (channels != 1)}: "
        "choose another --image-size or --backbone"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:160] or type(error).__name__
