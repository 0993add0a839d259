"""Maps of the evidence for a class, computed from any trained classifier (docs/papers/baselines.md, cam).

Every function of :data:`MAP_FUNCTIONS` takes a classifier, (B, C, H, W) normalised images and (B,) int64 classes, and
returns unscaled (B, h, w) float32 maps without gradient: :mod:`fewlabels.models.maps.regions` scales them. The maps are
those of the model's first network, in evaluation mode; its own mode is restored. All of them also work under
``torch.no_grad`` and ``torch.inference_mode``. They raise UserError where the network has no such map.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.models.inference import evaluating
from fewlabels.models.last_map import as_map
from fewlabels.models.maps.box_rule import MapName, StageMap
from fewlabels.models.maps.cam import head_weight
from fewlabels.models.maps.stage_maps import STAGE_MAPS, last_stage

MapFunction = Callable[[Classifier, Tensor, Tensor], Tensor]


class Sensitivity(NamedTuple):
    """The last map and the gradient of a class logit with respect to it."""

    features: Tensor
    """(B, D, h, w) F."""
    gradients: Tensor
    """(B, D, h, w), of the logit of each image's class with respect to F."""


def cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weight the last map by the head's weights for the class (Zhou et al., CVPR 2016)."""
    return of_class(class_maps(model, x), classes)


def grad_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weight the last map by the mean of the class's gradient (Selvaraju et al., ICCV 2017)."""
    return grad_cam_map(*sensitivity(model, x, classes)).float()


def layer_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weight each location of the last map by the class's positive gradients (Jiang et al., TIP 2021)."""
    return layer_cam_map(*sensitivity(model, x, classes)).float()


def info_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Subtract the mean CAM of the other classes from the CAM of the class (InfoCAM: Qin et al., 2019)."""
    return info_cam_map(class_maps(model, x), classes)


@torch.no_grad()
def mean_features(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Average the last map over its channels, whatever the class: the map of LCHP's Algorithm 1."""
    first = model.networks()[0]
    with evaluating(first):
        return first.outputs(x).map.mean(1).float()


def _of_stage(name: StageMap) -> MapFunction:
    def computed(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        return STAGE_MAPS[name](last_stage(model, x))

    return computed


MAP_FUNCTIONS: dict[MapName, MapFunction] = {
    "cam": cam,
    "grad-cam": grad_cam,
    "layer-cam": layer_cam,
    "info-cam": info_cam,
    "features": mean_features,
    **{name: _of_stage(name) for name in STAGE_MAPS},
}
"""Keyed by the names of ``evaluate --map``."""


@torch.no_grad()
def class_maps(model: Classifier, x: Tensor) -> Tensor:
    """Compute the CAM of every class, (B, K, h, w) float32.

    With attention pooling, the locations are weighted by the attention map. Where the head scales features to unit
    length, the CAM is computed without that scaling, which is one factor per image.
    """
    first = model.networks()[0]
    with evaluating(first):
        if isinstance(first, ClassMapClassifier):
            return first.class_maps(x).float()
        weight, last = head_weight(first), first.outputs(x).map
        if isinstance(first, AttentionClassifier):
            last = last * first.attention(last)[:, None]
    return torch.einsum("bdhw,kd->bkhw", last, weight.to(last.dtype)).float()


def of_class(maps: Tensor, classes: Tensor) -> Tensor:
    """Select the map of each image's class from (B, K, h, w) maps: (B, h, w)."""
    return maps[torch.arange(len(maps), device=maps.device), classes]


def info_cam_map(maps: Tensor, classes: Tensor) -> Tensor:
    """Subtract the mean of the other classes' maps from the class's map: (B, K, h, w) and (B,) to (B, h, w)."""
    own, others = of_class(maps, classes), max(maps.shape[1] - 1, 1)
    return own - (maps.sum(1) - own) / others


def grad_cam_map(features: Tensor, gradients: Tensor) -> Tensor:
    """Compute ReLU(sum_d mean(G_d) F_d), (B, h, w), from (B, D, h, w) features F and gradients G."""
    return torch.einsum("bdhw,bd->bhw", features, gradients.mean((2, 3))).relu()


def layer_cam_map(features: Tensor, gradients: Tensor) -> Tensor:
    """Compute ReLU(sum_d ReLU(G_d) F_d) at each location, (B, h, w), from (B, D, h, w) features F and gradients G."""
    return (gradients.relu() * features).sum(1).relu()


def sensitivity(model: Classifier, x: Tensor, classes: Tensor) -> Sensitivity:
    """Differentiate the logit of each image's class with respect to the last map; parameters get no gradient.

    The backbone runs without gradient. A transformer that pools by a class token has zero gradients at all other
    tokens, and therefore Grad-CAM and LayerCAM of 0.
    """
    first = model.networks()[0]
    with evaluating(first), torch.inference_mode(False), torch.enable_grad(), _differentiable_last(first) as seen:
        logits = first(x)
        (last,) = seen
        (gradients,) = torch.autograd.grad(logits, last, one_hot(classes, logits.shape[1]).to(logits))
    return Sensitivity(as_map(last.detach(), first.backbone), as_map(gradients, first.backbone))


@contextmanager
def _differentiable_last(classifier: SingleClassifier) -> Iterator[list[Tensor]]:
    """Context manager: let the graph start at the backbone's last output; yield a list that receives it.

    The output of ``last`` is used, and not the map of ``outputs``, which may be a rearranged copy on which no logit
    depends.
    """
    plain, seen = classifier.last, []

    def last(x: Tensor) -> Tensor:
        with torch.no_grad():
            found = plain(x)
        seen.append(found.clone().requires_grad_())
        return seen[-1].clone()  # layers that work in place must not receive a leaf

    replaced: Any = classifier
    replaced.last = last
    try:
        yield seen
    finally:
        del replaced.last
