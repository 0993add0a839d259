"""The 3-layer CNN of Dual Student's USPS to MNIST experiment (Ke et al., 2019), as DNLL uses it."""

from typing import Any

import torch
from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from fewlabels.models.nets.timm_net import TimmNet, conv_block, untrained

default_cfgs = untrained("cnn3", first_conv="layers.0.0", image_size=28)


class GaussianNoise(nn.Module):
    """Add N(0, std^2) to every pixel, in training only (the original code also adds it at test)."""

    def __init__(self, std: float) -> None:
        super().__init__()
        self.std = std

    def forward(self, x: Tensor) -> Tensor:
        return x + self.std * torch.randn_like(x) if self.training and self.std else x


class CNN3(TimmNet):
    """Three convolutions of 16, 32 and 32 channels, two max-pools, global average pooling, one linear layer.

    The last map of (B, in_chans, H, W) images of at least 4 px is (B, 32, H//4, W//4): 7x7 at 28 px. The original pools
    6x6 windows with stride 2, which ignores a row and a column at 28 px and returns four vectors at 32 px; the global
    mean avoids both. ``noise_std`` is the standard deviation of the noise on the normalised input (0.15 in the papers);
    ``dropout`` is applied after the second max-pool, ``drop_rate`` before the linear layer.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        dropout: float = 0.5,
        noise_std: float = 0.15,
        weight_norm: bool = True,
    ) -> None:
        super().__init__(32, num_classes, global_pool, drop_rate, weight_norm)
        self.noise = GaussianNoise(noise_std)
        self.layers = nn.Sequential(
            *(conv_block(in_chans, 16, weight_norm=weight_norm), nn.MaxPool2d(2)),
            *(conv_block(16, 32, weight_norm=weight_norm), nn.MaxPool2d(2), nn.Dropout(dropout)),
            conv_block(32, 32, weight_norm=weight_norm),
        )

    def forward_features(self, x: Tensor) -> Tensor:
        return self.layers(self.noise(x))


@register_model
def cnn3(pretrained: bool = False, **kwargs: Any) -> CNN3:
    """Build the network: 14,916 parameters with 3 channels, 10 classes and weight norm."""
    return build_model_with_cfg(CNN3, "cnn3", pretrained, **kwargs)
