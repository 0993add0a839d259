"""The default network for small images, 8 to 64 px: fast on a CPU."""

from itertools import pairwise
from typing import Any

from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

from fewlabels.models.nets.timm_net import TimmNet, kaiming_, untrained

default_cfgs = untrained("small_cnn", first_conv="convs.0", image_size=28)

_SMALLEST_MAP = 4
_LARGE = 48


class SmallCNN(TimmNet):
    """Five 3x3 convolutions with batch norm and ReLU, of width, 2 width, 2 width, 4 width and 4 width channels.

    The map is max-pooled after the first and the third convolution, unless it would become smaller than 4 px, and from
    48 px on also after the second. The last map of (B, in_chans, H, W) images is (B, 4 width, h, w), with h = 4 at
    8 px, 7 at 28 px, 8 at 32 px and 8 at 64 px. Only the first convolution, with its few channels, works at full
    resolution.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        width: int = 16,
    ) -> None:
        super().__init__(4 * width, num_classes, global_pool, drop_rate)
        widths = (in_chans, width, 2 * width, 2 * width, 4 * width, 4 * width)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False) for inputs, outputs in pairwise(widths)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for outputs in widths[1:])
        kaiming_(self)

    def forward_features(self, x: Tensor) -> Tensor:
        halved_after = (1, 2, 3) if min(x.shape[-2:]) >= _LARGE else (1, 3)
        for number, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True), start=1):
            x = conv(x)
            if number in halved_after and min(x.shape[-2:]) // 2 >= _SMALLEST_MAP:
                x = max_pool2d(x, 2)  # before the norm, which then processes a quarter of the values
            x = relu(norm(x), inplace=True)
        return x


@register_model
def small_cnn(pretrained: bool = False, **kwargs: Any) -> SmallCNN:
    """Build the network: 70,330 parameters with 1 channel, 10 classes and width 16."""
    return build_model_with_cfg(SmallCNN, "small_cnn", pretrained, **kwargs)
