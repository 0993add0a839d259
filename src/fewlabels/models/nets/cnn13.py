"""The 13-layer CNN of Temporal Ensembling (Laine and Aila, 2017), as Dual Student and DNLL use it."""

from typing import Any

from timm.models import build_model_with_cfg, register_model
from torch import Tensor, nn

from fewlabels.models.nets.timm_net import TimmNet, conv_block, untrained

default_cfgs = untrained("cnn13", first_conv="layers.0.0")


class CNN13(TimmNet):
    """Nine convolutions, two max-pools, global average pooling, one linear layer.

    The last map of (B, in_chans, H, W) images of at least 12 px is (B, 128, H//4 - 2, W//4 - 2): 6x6 at 32 px, 5x5 at
    28 px. ``dropout`` is applied after each max-pool (0.5 in the papers), ``drop_rate`` before the linear layer (0 in
    the papers). ``weight_norm`` applies to every convolution and to the linear layer.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_chans: int = 3,
        global_pool: str = "avg",
        drop_rate: float = 0.0,
        dropout: float = 0.5,
        weight_norm: bool = True,
    ) -> None:
        super().__init__(128, num_classes, global_pool, drop_rate, weight_norm)

        def block(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> nn.Module:
            return conv_block(inputs, outputs, kernel, padding, weight_norm)

        self.layers = nn.Sequential(
            *(block(in_chans, 128), block(128, 128), block(128, 128), nn.MaxPool2d(2), nn.Dropout(dropout)),
            *(block(128, 256), block(256, 256), block(256, 256), nn.MaxPool2d(2), nn.Dropout(dropout)),
            *(block(256, 512, padding=0), block(512, 256, 1, 0), block(256, 128, 1, 0)),
        )

    def forward_features(self, x: Tensor) -> Tensor:
        return self.layers(x)


@register_model
def cnn13(pretrained: bool = False, **kwargs: Any) -> CNN13:
    """Build the network: 3,125,908 parameters with 3 channels, 10 classes and weight norm."""
    return build_model_with_cfg(CNN13, "cnn13", pretrained, **kwargs)
