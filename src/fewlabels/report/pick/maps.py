"""Class activation maps of a few images, as in PEPL's Fig. 3, of the same images in every run."""

import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.models.classifier import Classifier
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.models.inference import evaluating
from fewlabels.models.maps.cam import class_activation_maps, head_weight
from fewlabels.report.content.classify import Mapped
from fewlabels.report.draw.heat import overlay
from fewlabels.report.pick.gallery import ImagePicker, fixed_sample, test_or_train

MOST = 8
SMALLEST = 24
"""Smallest image side in pixels for which maps are shown."""


def mapped(gallery: ImagePicker, model: Classifier) -> list[Mapped]:
    """Return a few images with their maps; none if the images are small or the network has no such map."""
    images = gallery.experiment.images
    rows = fixed_sample(test_or_train(gallery.experiment.dataset), MOST)
    if not len(rows) or images.store.size < SMALLEST:
        return []
    guess = gallery.guess[rows]
    x = torch.cat(list(images.plain(rows)))
    try:
        heat, shows = evidence_map(model, x, guess.to(x.device))
    except UserError:
        return []
    if heat.shape[1] * heat.shape[2] < 2 or not heat.isfinite().all():
        return []
    chosen = rows.tolist()
    return [
        Mapped(example, overlay(pixels, one.numpy()), shows)
        for example, pixels, one in zip(gallery.examples(chosen), gallery.pixels(chosen), heat, strict=True)
    ]


@torch.inference_mode()
def evidence_map(model: Classifier, x: Tensor, classes: Tensor) -> tuple[Tensor, str]:
    """Return maps (B, h, w) float32 on the CPU, and what they show in words.

    A network with attention pooling gives its attention, an ensemble the map of its first member.

    Args:
        model: any classifier.
        x: (B, C, H, W) normalised images.
        classes: (B,) int64, the class of each map.

    Raises:
        UserError: if the network has no last map, or its head does not weigh one.
    """
    first = model.networks()[0]
    with evaluating(first):
        if isinstance(first, AttentionClassifier):
            return first.attended(x).attention.float().cpu(), "the network's attention"
        weight = head_weight(first)
        found = class_activation_maps(first.outputs(x).map, weight, classes)
    return found.float().cpu(), "evidence for the predicted class"
