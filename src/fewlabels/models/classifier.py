"""One classifier type around any timm backbone."""

from math import isqrt
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.functional import normalize

from fewlabels.errors import UserError


class Outputs(NamedTuple):
    """All that methods look at, from one forward pass."""

    logits: Tensor
    """(B, K)."""
    features: Tensor
    """(B, D) pooled features, the input of the head."""
    map: Tensor
    """(B, D', h, w) last feature map; D' = D but for the few nets that widen after pooling."""


class NormalizedLinear(nn.Linear):
    """A linear layer on features scaled to unit length, so that every image counts the same."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(normalize(input, dim=1))


class Classifier(nn.Module):
    """A backbone and a head; both can be replaced by assignment.

    The backbone is any network with timm's ``forward_features`` and ``forward_head`` and no classifier of its own;
    dropout before the head is the backbone's. The head maps (B, num_features) to (B, num_classes).
    """

    backbone: nn.Module
    head: nn.Module

    def __init__(self, backbone: nn.Module, head: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.num_features = num_features
        self.num_classes = num_classes

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits, (B, K), of (B, C, H, W) images or of (B, D) pooled features embedded earlier."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """Compute pooled features, (B, D); features given instead of images are returned as they are."""
        if x.ndim == 2:
            return x
        backbone: Any = self.backbone
        return backbone.forward_head(backbone.forward_features(x), pre_logits=True)

    def outputs(self, x: Tensor) -> Outputs:
        """Compute logits, pooled features and last map of (B, C, H, W) images; UserError where there is no map."""
        if x.ndim == 2:
            raise UserError(
                "this method looks at feature maps, which a frozen backbone's stored features lack: leave out --freeze"
            )
        backbone: Any = self.backbone
        last = backbone.forward_features(x)
        pooled = backbone.forward_head(last, pre_logits=True)
        return Outputs(self.head(pooled), pooled, as_map(last, self.backbone))


def as_map(last: Any, backbone: nn.Module) -> Tensor:
    """Turn what ``backbone.forward_features`` returned into (B, D', h, w), whatever its layout.

    Known are NCHW (convolutional nets), NHWC (Swin) and (B, prefix + h * w, D') tokens (ViT). Raises UserError for
    anything else: a list of maps, class tokens alone, a number of tokens that is no grid.
    """
    if isinstance(last, Tensor) and last.ndim == 4:
        width = getattr(backbone, "num_features", None)
        channels_last = getattr(backbone, "output_fmt", None) == "NHWC"
        channels_last |= last.shape[1] != width and last.shape[3] == width
        return last.permute(0, 3, 1, 2) if channels_last else last
    if isinstance(last, Tensor) and last.ndim == 3:
        patches = last[:, getattr(backbone, "num_prefix_tokens", 0) :]
        grid = _grid(backbone, patches.shape[1])
        if grid is not None:
            return patches.transpose(1, 2).unflatten(2, grid)
    raise UserError(
        f"the backbone ({type(backbone).__name__}) has no single last feature map, which this method needs: "
        "choose another --backbone, for example resnet18 or vit_tiny_patch16_224"
    )


def _grid(backbone: nn.Module, tokens: int) -> tuple[int, int] | None:
    """Rows and columns of so many patches; a lone token is a patch only where the backbone says that it is."""
    known = getattr(getattr(backbone, "patch_embed", None), "grid_size", None)
    if known is not None and known[0] * known[1] == tokens:
        return known
    side = isqrt(tokens)
    return (side, side) if side > 1 and side * side == tokens else None
