"""Class activation maps: the evidence for a class at each location (Zhou et al., CVPR 2016)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fewlabels.errors import UserError
from fewlabels.models.classifier import Classifier


def class_activation_maps(last: Tensor, weight: Tensor, classes: Tensor) -> Tensor:
    """Compute sum_d W[y, d] F_d for the class y of each image, neither shifted nor scaled (docs/papers/pepl.md, P-3).

    Args:
        last: (B, D, h, w) last feature map F.
        weight: (K, D) of the linear head.
        classes: (B,) int64 y.

    Returns:
        (B, h, w) maps.
    """
    return torch.einsum("bdhw,bd->bhw", last, weight[classes].to(last.dtype))


def head_weight(model: Classifier) -> Tensor:
    """Return the (K, D) weight of the linear head over the last map, of the first of the model's networks.

    Raises UserError where the head is not linear or the network widens between map and head. The map's width is timm's
    ``num_features``; a backbone without that attribute is not checked.
    """
    network = model.networks()[0]
    head, backbone = network.head, network.backbone
    if not isinstance(head, nn.Linear):
        raise UserError(f"class activation maps need a linear head, this model has a {type(head).__name__}")
    width = getattr(backbone, "num_features", head.in_features)
    if width != head.in_features:
        raise UserError(
            f"the backbone ({type(backbone).__name__}) widens its last map from {width} to {head.in_features} features "
            "after pooling, so class activation maps can't be read from it: choose another --backbone, for example "
            "mobilenetv2_100 or resnet18"
        )
    return head.weight


def enlarge(maps: Tensor, side: int) -> Tensor:
    """Resize (B, h, w) maps to (B, side, side), bilinear, corners not aligned."""
    return interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]
