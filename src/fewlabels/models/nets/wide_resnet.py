"""WRN-28-2, the usual network of papers on few labels (Zagoruyko and Komodakis, Wide Residual Networks, 2016)."""

from typing import Any

from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from fewlabels.models.nets.timm_net import TimmNet, kaiming_, untrained

default_cfgs = untrained("wrn_28_2", first_conv="conv1")


def _activation(slope: float) -> nn.Module:
    return nn.LeakyReLU(slope, inplace=True) if slope else nn.ReLU(inplace=True)


class WideBlock(nn.Module):
    """Batch norm and activation before each of two 3x3 convolutions; a 1x1 shortcut where the width changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, slope: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.shortcut = None if inputs == outputs else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.act = _activation(slope)

    def forward(self, x: Tensor) -> Tensor:
        activated = self.act(self.bn1(x))
        skip = x if self.shortcut is None else self.shortcut(activated)
        return skip + self.conv2(self.act(self.bn2(self.conv1(activated))))


class WideResNet(TimmNet):
    """Pre-activation WideResNet of three groups with 16, 32 and 64 times ``widen`` channels.

    The last map of (B, in_chans, H, W) images is (B, 64 widen, H/4, W/4), after the last batch norm and activation:
    128x8x8 for WRN-28-2 at 32 px. The batch norm momentum is 0.1 in PyTorch's convention; no convolution has a bias.
    ``leaky_slope`` 0.1 is the variant of the MixMatch family, 0 (plain ReLU) that of the student report and DMT.
    """

    def __init__(
        self,
        depth: int = 28,
        widen: int = 2,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        leaky_slope: float = 0.0,
    ) -> None:
        super().__init__(64 * widen, num_classes, global_pool, drop_rate)
        assert (depth - 4) % 6 == 0, "three groups of blocks with two convolutions each, and four other layers"
        self.conv1 = nn.Conv2d(in_chans, 16, 3, padding=1, bias=False)
        blocks, inputs = [], 16
        for outputs, first_stride in ((16 * widen, 1), (32 * widen, 2), (64 * widen, 2)):
            for index in range((depth - 4) // 6):
                blocks.append(WideBlock(inputs, outputs, first_stride if index == 0 else 1, leaky_slope))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.BatchNorm2d(inputs)
        self.act = _activation(leaky_slope)
        kaiming_(self, leaky_slope)

    def forward_features(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.blocks(self.conv1(x))))


@register_model
def wrn_28_2(pretrained: bool = False, **kwargs: Any) -> WideResNet:
    """Build WRN-28-2: 1,467,610 parameters with 3 channels and 10 classes."""
    return build_model_with_cfg(WideResNet, "wrn_28_2", pretrained, depth=28, widen=2, **kwargs)
