"""The interface that timm expects of a network, for the networks of this folder."""

from typing import Any

from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from timm.models import DefaultCfg, generate_default_cfgs
from torch import Tensor, nn
from torch.nn.functional import dropout
from torch.nn.utils.parametrizations import weight_norm as weight_normed


class TimmNet(nn.Module):
    """Base class with timm's usual interface; a subclass implements :meth:`forward_features`.

    Args:
        num_features: D, the channels of the last map.
        num_classes: K; 0 for no classifier.
        global_pool: timm's name of the pooling.
        drop_rate: dropout before the classifier.
        weight_norm: see :attr:`weight_norm`.
    """

    weight_norm: bool
    """Whether the linear layer is weight-normalised; a head that replaces it should be normalised as well."""

    def __init__(
        self, num_features: int, num_classes: int, global_pool: str, drop_rate: float, weight_norm: bool = False
    ) -> None:
        super().__init__()
        self.num_features = self.head_hidden_size = num_features
        self.drop_rate = drop_rate
        self.weight_norm = weight_norm
        self.reset_classifier(num_classes, global_pool)

    def forward_features(self, x: Tensor) -> Tensor:
        """Compute the last map, (B, num_features, h, w), of (B, in_chans, H, W) float images."""
        raise NotImplementedError

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        """Pool the last map, apply dropout in training, and classify it; with ``pre_logits``, do not classify it."""
        x = dropout(self.global_pool(x), self.drop_rate, self.training)
        return x if pre_logits else self.fc(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        return self.fc

    def reset_classifier(self, num_classes: int, global_pool: str | None = None) -> None:
        """Replace the classifier by a new linear layer, or by none for 0 classes."""
        self.num_classes = num_classes
        pool_type = self.global_pool.pool_type if global_pool is None else global_pool
        self.global_pool = SelectAdaptivePool2d(pool_type=pool_type, flatten=bool(pool_type))
        fc = nn.Linear(self.num_features * self.global_pool.feat_mult(), num_classes) if num_classes else nn.Identity()
        self.fc = weight_normed(fc) if self.weight_norm and num_classes else fc


def conv_block(inputs: int, outputs: int, kernel: int = 3, padding: int = 1, weight_norm: bool = True) -> nn.Sequential:
    """Build convolution with bias, batch norm and LeakyReLU 0.1: the layer of the 13- and 3-layer CNN."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding)
    conv = weight_normed(conv) if weight_norm else conv
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1, inplace=True))


def kaiming_(module: nn.Module, slope: float = 0.0) -> None:
    """Initialise every convolution from N(0, 2 / ((1 + slope^2) fan_out)) (He et al., 2015)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=slope, mode="fan_out", nonlinearity="leaky_relu")


def untrained(name: str, first_conv: str, image_size: int = 32) -> dict[str, DefaultCfg]:
    """Return timm's configuration of a network without published weights, keyed by name.

    timm reads it from the module's ``default_cfgs``.
    """
    configuration: dict[str, Any] = {
        "num_classes": 10,
        "input_size": (3, image_size, image_size),
        "crop_pct": 1.0,
        "interpolation": "bilinear",
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "first_conv": first_conv,
        "classifier": "fc",
    }
    return generate_default_cfgs({name: configuration})
