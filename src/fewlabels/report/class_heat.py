"""Where the network sees each class: class-specific maps of a few images, the same in every run on the data."""

import torch
from torch import Tensor

from fewlabels.data.dataset import PRESENT, UNKNOWN
from fewlabels.models.classifier import Classifier
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.models.inference import evaluating
from fewlabels.report.gallery import drawn, pixels, test_or_train
from fewlabels.report.heat import overlay
from fewlabels.report.maps import SMALLEST
from fewlabels.report.marking import ClassMap, ClassMapped
from fewlabels.report.marks_gallery import MarksGallery
from fewlabels.report.thumbnail import thumbnail

MOST_IMAGES, MOST_CLASSES = 6, 3


def class_mapped(gallery: MarksGallery, model: Classifier) -> list[ClassMapped]:
    """A few images with the maps of up to three classes; none where images are small or a class has no map."""
    experiment = gallery.experiment
    rows = drawn(test_or_train(experiment.dataset), MOST_IMAGES)
    if not isinstance(model, ClassMapClassifier) or not len(rows) or experiment.images.store.size < SMALLEST:
        return []
    maps = shown_maps(model, torch.cat(list(experiment.images.plain(rows))))
    if maps.shape[2] * maps.shape[3] < 2 or not maps.isfinite().all():
        return []
    chosen = rows.tolist()
    seen = pixels(experiment, chosen)
    names, paths = experiment.dataset.classes, experiment.dataset.paths
    found = []
    for row, image, own in zip(chosen, seen, maps, strict=True):
        marks, likely, p = gallery.truth[row], gallery.likely[row], gallery.probabilities[row]
        right = [None if marks[k] == UNKNOWN else bool((marks[k] == PRESENT) == likely[k]) for k in range(len(names))]
        shown = [ClassMap(names[k], float(p[k]), right[k], overlay(image, own[k].numpy())) for k in most_probable(p)]
        truth = [name for name, mark in zip(names, marks.tolist(), strict=True) if mark == PRESENT]
        known = bool((marks != UNKNOWN).any())
        found.append(ClassMapped(paths[row], thumbnail(image), truth if known else None, shown))
    return found


def most_probable(probabilities: Tensor) -> list[int]:
    """At most three classes of (K,) probabilities, the highest first: those of 0.5 or more, and always the first."""
    order = probabilities.argsort(descending=True, stable=True)[:MOST_CLASSES].tolist()
    return [k for place, k in enumerate(order) if not place or probabilities[k] >= 0.5]


@torch.inference_mode()
def shown_maps(model: ClassMapClassifier, x: Tensor) -> Tensor:
    """ReLU(A), (B, K, h, w) float32 on the CPU, of (B, C, H, W) images: what the papers show of a map.

    Theirs have no bias; one says the same of every place and every image, and is left out.
    """
    bias = model.head.bias
    with evaluating(model):
        maps = model.class_maps(x)
        return (maps - bias[:, None, None] if isinstance(bias, Tensor) else maps).relu().float().cpu()
