"""Whether predicted boxes move with the image: a measure of boxes that needs no true box."""

from collections.abc import Iterable

import torch
from torch import Tensor

from fewlabels.augment.box_aware import AxisTransform, transform_boxes
from fewlabels.data.dataset import TRAIN, Dataset
from fewlabels.evaluation.localization import iou
from fewlabels.models.inference import evaluating
from fewlabels.models.localizer import Localizer
from fewlabels.models.map_cache import bypass_map_cache
from fewlabels.randomness import key_of, permutation

MOST_IMAGES = 64
"""Training images that are mirrored; a photograph takes a tenth of a second or more."""


def mirrored_rows(dataset: Dataset) -> Tensor:
    """Choose the training images that :func:`flip_agreement` looks at: (n,) int64, the same for all runs."""
    train = torch.from_numpy(dataset.rows(TRAIN))
    return train[permutation(key_of("flip agreement"), len(train))[:MOST_IMAGES]].sort().values


def flip_agreement(model: Localizer, images: Iterable[Tensor]) -> float:
    """Compute the mean IoU of the boxes in images and of those in the mirrored images, mirrored back.

    It is low for boxes that follow chance. It is high for any box in the middle that does not depend on the image too,
    so that a high value alone says nothing.

    Args:
        model: runs in evaluation mode.
        images: batches (B, C, H, W) of network input, of at least one image in total.
    """
    with evaluating(model), bypass_map_cache(model):
        ious = [iou(model.locate(x).boxes, mirrored(model.locate(x.flip(3)).boxes)).cpu() for x in images]
    return float(torch.cat(ious).mean())


def mirrored(boxes: Tensor) -> Tensor:
    """Mirror (B, 4) boxes left to right."""
    factors = torch.tensor([[-1.0, 1.0]]).expand(len(boxes), 2)
    return transform_boxes(boxes, AxisTransform(factors, (1 - factors) / 2))
