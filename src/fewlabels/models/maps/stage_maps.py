"""Maps of the object from the last stage of a pretrained network, whatever the class.

Functions of :data:`STAGE_MAPS` take the (B, D, h, w) map of the last stage and return unscaled (B, h, w) float32 maps
that are large where the object is (docs/papers/baselines.md, map-probe).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import evaluating
from fewlabels.models.maps.box_rule import StageMap


def norm(features: Tensor) -> Tensor:
    """Compute the Euclidean norm over the channels."""
    return features.float().norm(dim=1)


def border_distance(features: Tensor) -> Tensor:
    """Compute the distance from the mean feature at the border of the map, which shows the background.

    The border is one place wide; a map of at most two rows or columns is a border as a whole.
    """
    features = features.float()
    return norm(features - features[:, :, at_border(features)].mean(2)[:, :, None, None])


def at_border(maps: Tensor) -> Tensor:
    """Return a mask (h, w) of the places at the border of maps (..., h, w)."""
    border = torch.ones(maps.shape[-2:], dtype=torch.bool, device=maps.device)
    border[1:-1, 1:-1] = False
    return border


def median_distance(features: Tensor) -> Tensor:
    """Compute the distance from the median of each channel over the map, for objects on uneven ground.

    The median of an even number of places is the mean of the two in the middle.
    """
    middle = features.float().flatten(2).quantile(0.5, dim=2)
    return norm(features.float() - middle[:, :, None, None])


STAGE_MAPS: dict[StageMap, Callable[[Tensor], Tensor]] = {
    "norm": norm,
    "border-distance": border_distance,
    "median-distance": median_distance,
}


@torch.no_grad()
def last_stage(model: Classifier, x: Tensor) -> Tensor:
    """Compute the (B, D, h, w) map of the last stage of the model's first network, in evaluation mode."""
    first = model.networks()[0]
    with evaluating(first):
        return first.last_stage(x)


def recorded_stage(model: Classifier) -> AbstractContextManager[list[Tensor]]:
    """Context manager: yield a list that receives the (B, D, h, w) map of the last stage in each pass.

    The last stage is that of the first network.
    """
    first = model.networks()[0]
    return first.engine.recorded_stage(first.backbone)
