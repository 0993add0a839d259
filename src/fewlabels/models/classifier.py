"""One classifier type around any timm backbone."""

from collections.abc import Sequence
from math import isqrt, log
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from fewlabels.errors import UserError
from fewlabels.models.memory import TrunkMemory


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
        self.memory: TrunkMemory | None = None
        self.backbone = backbone
        self.head = head
        self.num_features = num_features
        self.num_classes = num_classes

    def networks(self) -> list["Classifier"]:
        """Return the single networks that this classifier is made of: itself, but for an :class:`Ensemble`."""
        return [self]

    def trunks(self) -> list["Classifier"]:
        """Return all single networks that have a trunk: :meth:`networks`, and what a Localizer has beside them."""
        return self.networks()

    def forward(self, x: Tensor) -> Tensor:
        """Compute logits, (B, K), of (B, C, H, W) images or of (B, D) pooled features embedded earlier."""
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        """Compute pooled features, (B, D); features given instead of images are returned as they are."""
        if x.ndim == 2:
            return x
        backbone: Any = self.backbone
        return backbone.forward_head(self.last(x), pre_logits=True)

    def last(self, x: Tensor) -> Any:
        """Compute what the backbone's last layer gives of (B, C, H, W) images, in its own layout: see :func:`as_map`.

        All passes through the backbone go here, so that a frozen one may remember them.
        """
        backbone: Any = self.backbone
        return backbone.forward_features(x) if self.memory is None else self.memory(x, backbone.forward_features)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what a head needs of (B, C, H, W) images, to be given in their place: (B, D) features."""
        return self.features(x).float()

    def outputs(self, x: Tensor) -> Outputs:
        """Compute logits, pooled features and last map of (B, C, H, W) images; UserError where the net has no map."""
        assert x.ndim == 4, "maps are of images, not of features: such a method declares frozen_trunk = 'pixels'"
        backbone: Any = self.backbone
        last = self.last(x)
        pooled = backbone.forward_head(last, pre_logits=True)
        return Outputs(self.head(pooled), pooled, as_map(last, self.backbone))


class Ensemble(Classifier):
    """Several classifiers, trained beside each other, whose mean probability is the answer.

    Features and maps are the first member's.
    """

    members: nn.ModuleList

    def __init__(self, members: Sequence[Classifier]) -> None:
        nn.Module.__init__(self)
        self.members = nn.ModuleList(members)
        self.num_features, self.num_classes = members[0].num_features, members[0].num_classes

    def networks(self) -> list[Classifier]:
        return cast(list[Classifier], list(self.members))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logarithm of the members' mean probabilities, (B, K) float32: logits whose softmax they are."""
        log_p = torch.stack([member(x).float().log_softmax(1) for member in self.members])
        return log_p.logsumexp(0) - log(len(self.members))

    def features(self, x: Tensor) -> Tensor:
        return self.networks()[0].features(x)

    def embed(self, x: Tensor) -> Tensor:
        return self.networks()[0].embed(x)

    def outputs(self, x: Tensor) -> Outputs:
        return self.networks()[0].outputs(x)


def as_map(last: Any, backbone: nn.Module) -> Tensor:
    """Turn what ``backbone.forward_features`` returned into (B, D', h, w), whatever its layout.

    Known are NCHW (convolutional nets), NHWC (Swin) and (B, prefix + h * w, D') tokens (ViT). Raises UserError for
    anything else: a list of maps, class tokens alone, a number of tokens that is no grid.
    """
    if isinstance(last, Tensor) and last.ndim == 4:
        return last.permute(0, 3, 1, 2) if _channels_last(last, backbone) else last
    if isinstance(last, Tensor) and last.ndim == 3:
        patches = last[:, getattr(backbone, "num_prefix_tokens", 0) :]
        grid = _grid(backbone, patches.shape[1])
        if grid is not None:
            return patches.transpose(1, 2).unflatten(2, grid)
    raise UserError(
        f"the backbone ({type(backbone).__name__}) has no single last feature map, which this method needs: "
        "choose another --backbone, for example resnet18 or vit_tiny_patch16_224"
    )


def as_single_place(pooled: Tensor, last: Any, backbone: nn.Module) -> Tensor:
    """Turn (B, D') features, pooled from ``last``, into a map of one place in the layout of ``last``.

    So ``backbone.forward_head`` does all that it does after pooling (a norm, a wider layer) and its pooling nothing.
    """
    if last.ndim == 3:
        return pooled[:, None].expand(-1, getattr(backbone, "num_prefix_tokens", 0) + 1, -1)
    return pooled[:, None, None] if _channels_last(last, backbone) else pooled[:, :, None, None]


def _channels_last(last: Tensor, backbone: nn.Module) -> bool:
    width = getattr(backbone, "num_features", None)
    said = getattr(backbone, "output_fmt", None) == "NHWC"
    return said or (last.shape[1] != width and last.shape[3] == width)


def _grid(backbone: nn.Module, tokens: int) -> tuple[int, int] | None:
    """Rows and columns of so many patches; a lone token is a patch only where the backbone says that it is."""
    known = getattr(getattr(backbone, "patch_embed", None), "grid_size", None)
    if known is not None and known[0] * known[1] == tokens:
        return known
    side = isqrt(tokens)
    return (side, side) if side > 1 and side * side == tokens else None
