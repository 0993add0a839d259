"""Inception-V3 up to its layer Mixed_6e, the backbone of LCHP's classifier (docs/papers/lchp.md, Algorithm)."""

from typing import Any

import timm
from timm.models import DefaultCfg, build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.inception_v3 import InceptionV3
from torch import Tensor, nn

NAME = "inception_v3_mixed_6e"
_REMOVED = ("Mixed_7a", "Mixed_7b", "Mixed_7c")


def _configuration() -> dict[str, DefaultCfg]:
    """Copy timm's configuration of inception_v3: its ImageNet weights and their normalisation."""
    whole = timm.get_pretrained_cfg("inception_v3")
    assert whole is not None
    kept = ("hf_hub_id", "license", "num_classes", "crop_pct", "interpolation", "mean", "std", "first_conv")
    return generate_default_cfgs(
        {NAME: {name: getattr(whole, name) for name in kept} | {"classifier": "fc", "input_size": (3, 448, 448)}}
    )


default_cfgs = _configuration()


class InceptionV3Mixed6e(InceptionV3):
    """timm's Inception-V3 without the layers after Mixed_6e.

    The last map of images of at least 59 px is (B, 768, h, w): 26 x 26 at 448 px, 17 x 17 at 299 px.
    """

    def __init__(self, num_classes: int = 1000, global_pool: str = "avg", **options: Any) -> None:
        super().__init__(num_classes=0, **options)
        for name in _REMOVED:
            setattr(self, name, nn.Identity())
        self.feature_info = self.feature_info[:-1]
        self.num_features = 768
        self.reset_classifier(num_classes, global_pool)


def _up_to_mixed_6e(state: dict[str, Tensor], _: nn.Module) -> dict[str, Tensor]:
    """Drop the weights of the removed layers from a state dict of the whole network."""
    return {key: tensor for key, tensor in state.items() if not key.startswith((*_REMOVED, "AuxLogits"))}


@register_model
def inception_v3_mixed_6e(pretrained: bool = False, **kwargs: Any) -> InceptionV3Mixed6e:
    """Build the network: 8,965,856 parameters without a classifier. Weight files of timm's inception_v3 fit."""
    return build_model_with_cfg(InceptionV3Mixed6e, NAME, pretrained, pretrained_filter_fn=_up_to_mixed_6e, **kwargs)
