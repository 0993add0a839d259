"""Maps of the evidence for a class, computed from any trained classifier (docs/papers/baselines.md, cam to info-cam).

Every function of :data:`MAPS` takes a classifier, (B, C, H, W) normalised images and (B,) int64 classes, and returns
unscaled (B, h, w) float32 maps without gradient: :mod:`fewlabels.models.maps.regions` scales them. The maps are those
of the model's first network, in evaluation mode; its own mode is restored. All of them also work under
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
from fewlabels.models.maps.box_rule import MapName
from fewlabels.models.maps.cam import head_weight

MapFunction = Callable[[Classifier, Tensor, Tensor], Tensor]


class Sensitivity(NamedTuple):
    """The last map and what a class's logit says of it."""

    features: Tensor
    """(B, D, h, w) F."""
    gradients: Tensor
    """(B, D, h, w) of the logit of each image's class by F."""


def cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weigh the last map by the head's weights for the class (Zhou et al., CVPR 2016)."""
    return of_class(class_maps(model, x), classes)


def grad_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weigh the last map by the mean of the class's gradient (Selvaraju et al., ICCV 2017)."""
    return grad_cam_map(*sensitivity(model, x, classes)).float()


def layer_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Weigh each place of the last map by what of the class's gradient there is positive (Jiang et al., TIP 2021)."""
    return layer_cam_map(*sensitivity(model, x, classes)).float()


def info_cam(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Take the mean CAM of the other classes from the CAM of the class (InfoCAM: Qin et al., 2019)."""
    return info_cam_map(class_maps(model, x), classes)


@torch.no_grad()
def mean_features(model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
    """Average the last map over its channels, whatever the class: what LCHP's Algorithm 1 thresholds."""
    first = model.networks()[0]
    with evaluating(first):
        return first.outputs(x).map.mean(1).float()


MAPS: dict[MapName, MapFunction] = {
    "cam": cam,
    "grad-cam": grad_cam,
    "layer-cam": layer_cam,
    "info-cam": info_cam,
    "features": mean_features,
}
"""By the names of ``evaluate --map``."""


@torch.no_grad()
def class_maps(model: Classifier, x: Tensor) -> Tensor:
    """Compute every class's CAM, (B, K, h, w) float32.

    Where attention pools, the places are weighed by it as the pooling weighs them. Of features that the head scales
    to unit length, the CAM is that before the scaling: one factor per image.
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
    """Pick each image's class from (B, K, h, w) maps: (B, h, w)."""
    return maps[torch.arange(len(maps), device=maps.device), classes]


def info_cam_map(maps: Tensor, classes: Tensor) -> Tensor:
    """Take the mean of the other classes' maps from the class's own: (B, K, h, w) and (B,) give (B, h, w)."""
    own, others = of_class(maps, classes), max(maps.shape[1] - 1, 1)
    return own - (maps.sum(1) - own) / others


def grad_cam_map(features: Tensor, gradients: Tensor) -> Tensor:
    """ReLU of sum_d mean(G_d) F_d over (B, D, h, w) features F and gradients G: (B, h, w)."""
    return torch.einsum("bdhw,bd->bhw", features, gradients.mean((2, 3))).relu()


def layer_cam_map(features: Tensor, gradients: Tensor) -> Tensor:
    """ReLU of sum_d ReLU(G_d) F_d, place by place, over (B, D, h, w) features F and gradients G: (B, h, w)."""
    return (gradients.relu() * features).sum(1).relu()


def sensitivity(model: Classifier, x: Tensor, classes: Tensor) -> Sensitivity:
    """Differentiate the logit of each image's class by the last map, and nothing else: no parameter gets a gradient.

    Only what comes after the last map is differentiated: the trunk runs without. A transformer that pools by a class
    token has gradients of 0 everywhere else in its last map, and so Grad-CAM and LayerCAM of 0.
    """
    first = model.networks()[0]
    with evaluating(first), torch.inference_mode(False), torch.enable_grad(), _last_of(first) as seen:
        logits = first(x)
        (last,) = seen
        (gradients,) = torch.autograd.grad(logits, last, one_hot(classes, logits.shape[1]).to(logits))
    return Sensitivity(as_map(last.detach(), first.backbone), as_map(gradients, first.backbone))


@contextmanager
def _last_of(classifier: SingleClassifier) -> Iterator[list[Tensor]]:
    """For the length of a ``with`` block the backbone's last map starts the graph; the list collects it.

    Asked for where the backbone gives it and not at ``outputs``, whose map may be a rearranged copy that no logit
    depends on.
    """
    plain, seen = classifier.last, []

    def last(x: Tensor) -> Tensor:
        with torch.no_grad():
            found = plain(x)
        seen.append(found.clone().requires_grad_())
        return seen[-1].clone()  # layers that work in place must not find a leaf

    replaced: Any = classifier
    replaced.last = last
    try:
        yield seen
    finally:
        del replaced.last
