"""Where the network looks, as in PEPL's Fig. 3: class activation maps of a few images, the same in every run."""

import torch
from torch import Tensor

from fewlabels.errors import UserError
from fewlabels.models.classifier import Classifier
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.models.inference import evaluating
from fewlabels.models.maps.cam import class_activation_maps, head_weight
from fewlabels.report.gallery import Gallery, drawn, test_or_train
from fewlabels.report.heat import overlay
from fewlabels.report.looking import Mapped

MOST = 8
SMALLEST = 24
"""Side in pixels from which on an image has places enough to look at."""


def mapped(gallery: Gallery, model: Classifier) -> list[Mapped]:
    """A few images with their maps; none where the images are small or the network has no such map."""
    images = gallery.experiment.images
    rows = drawn(test_or_train(gallery.experiment.dataset), MOST)
    if not len(rows) or images.store.size < SMALLEST:
        return []
    guess = gallery.guess[rows]
    x = torch.cat(list(images.plain(rows)))
    try:
        heat, shows = looked_at(model, x, guess.to(x.device))
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
def looked_at(model: Classifier, x: Tensor, classes: Tensor) -> tuple[Tensor, str]:
    """Maps (B, h, w) float32 on the CPU of images x (B, C, H, W), and in words what is large in them.

    A network that pools by attention is asked for that; an ensemble is its first member. UserError where the network
    has no last map, or one that the head does not weigh.

    Args:
        model: any classifier.
        x: (B, C, H, W) normalised images.
        classes: (B,) int64: of which the evidence is wanted.
    """
    first = model.networks()[0]
    with evaluating(first):
        if isinstance(first, AttentionClassifier):
            return first.attended(x).attention.float().cpu(), "the network's attention"
        weight = head_weight(first)
        found = class_activation_maps(first.outputs(x).map, weight, classes)
    return found.float().cpu(), "evidence for the predicted class"
