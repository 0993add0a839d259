"""Inception-V3 up to its layer Mixed_6e, the trunk of LCHP's classifier (METHODS 4.1)."""

from typing import Any

import timm
from timm.models import DefaultCfg, build_model_with_cfg, generate_default_cfgs, register_model
from timm.models.inception_v3 import InceptionV3
from torch import Tensor, nn

NAME = "inception_v3_mixed_6e"
_CUT = ("Mixed_7a", "Mixed_7b", "Mixed_7c")


def _record() -> dict[str, DefaultCfg]:
    """Say what timm says of inception_v3: its ImageNet weights, and how they want to be fed."""
    whole = timm.get_pretrained_cfg("inception_v3")
    assert whole is not None
    kept = ("hf_hub_id", "license", "num_classes", "crop_pct", "interpolation", "mean", "std", "first_conv")
    return generate_default_cfgs(
        {NAME: {name: getattr(whole, name) for name in kept} | {"classifier": "fc", "input_size": (3, 448, 448)}}
    )


default_cfgs = _record()


class InceptionV3Mixed6e(InceptionV3):
    """timm's network whose last map is that of Mixed_6e: (B, 768, h, w), 26 x 26 at 448 px, 17 x 17 at 299 px.

    Images have at least 59 px.
    """

    def __init__(self, num_classes: int = 1000, global_pool: str = "avg", **options: Any) -> None:
        super().__init__(num_classes=0, **options)
        for name in _CUT:
            setattr(self, name, nn.Identity())
        self.feature_info = self.feature_info[:-1]
        self.num_features = 768
        self.reset_classifier(num_classes, global_pool)


def _without_the_rest(state: dict[str, Tensor], _: nn.Module) -> dict[str, Tensor]:
    """Leave out what a state dict of the whole network holds beyond Mixed_6e."""
    return {key: tensor for key, tensor in state.items() if not key.startswith((*_CUT, "AuxLogits"))}


@register_model
def inception_v3_mixed_6e(pretrained: bool = False, **kwargs: Any) -> InceptionV3Mixed6e:
    """Build it, without a classifier 8,965,856 parameters; every weight file of timm's inception_v3 fits."""
    return build_model_with_cfg(InceptionV3Mixed6e, NAME, pretrained, pretrained_filter_fn=_without_the_rest, **kwargs)
