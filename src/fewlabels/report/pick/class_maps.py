"""Class-specific maps of a few images of a multi-label run, of the same images in every run on the data."""

import torch
from torch import Tensor

from fewlabels.data.dataset import PRESENT, UNKNOWN
from fewlabels.models.classifier import Classifier
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.models.inference import evaluating
from fewlabels.report.content.multilabel import ClassMap, ClassMapped
from fewlabels.report.draw.heat import overlay
from fewlabels.report.draw.thumbnail import thumbnail
from fewlabels.report.pick.gallery import fixed_sample, pixels_of, test_or_train
from fewlabels.report.pick.maps import SMALLEST
from fewlabels.report.pick.marks import MarksGallery

MOST_IMAGES, MOST_CLASSES = 6, 3


def class_mapped(gallery: MarksGallery, model: Classifier) -> list[ClassMapped]:
    """Return a few images with maps of up to three classes; none if images are small or there are no maps."""
    experiment = gallery.experiment
    rows = fixed_sample(test_or_train(experiment.dataset), MOST_IMAGES)
    if not isinstance(model, ClassMapClassifier) or not len(rows) or experiment.images.store.size < SMALLEST:
        return []
    maps = positive_maps(model, torch.cat(list(experiment.images.plain(rows))))
    if maps.shape[2] * maps.shape[3] < 2 or not maps.isfinite().all():
        return []
    chosen = rows.tolist()
    names, paths = experiment.dataset.classes, experiment.dataset.paths
    found = []
    for row, image, own in zip(chosen, pixels_of(experiment, chosen), maps, strict=True):
        marks, likely, p = gallery.truth[row], gallery.likely[row], gallery.probabilities[row]
        right = [None if marks[k] == UNKNOWN else bool((marks[k] == PRESENT) == likely[k]) for k in range(len(names))]
        shown = [ClassMap(names[k], float(p[k]), right[k], overlay(image, own[k].numpy())) for k in most_probable(p)]
        truth = [name for name, mark in zip(names, marks.tolist(), strict=True) if mark == PRESENT]
        known = bool((marks != UNKNOWN).any())
        found.append(ClassMapped(paths[row], thumbnail(image), truth if known else None, shown))
    return found


def most_probable(probabilities: Tensor) -> list[int]:
    """Return at most three classes of (K,) probabilities, highest first: the first, and others of 0.5 or more."""
    order = probabilities.argsort(descending=True, stable=True)[:MOST_CLASSES].tolist()
    return [k for place, k in enumerate(order) if not place or probabilities[k] >= 0.5]


@torch.inference_mode()
def positive_maps(model: ClassMapClassifier, x: Tensor) -> Tensor:
    """Return ReLU(A), (B, K, h, w) float32 on the CPU, of (B, C, H, W) images, as the papers show maps.

    The bias of the head, which the papers' heads do not have, is left out: it is the same everywhere in every image.
    """
    bias = model.head.bias
    with evaluating(model):
        maps = model.class_maps(x)
        return (maps - bias[:, None, None] if isinstance(bias, Tensor) else maps).relu().float().cpu()
