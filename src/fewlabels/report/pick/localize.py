"""The content of a report of task ``localize``."""

from dataclasses import replace

import numpy as np
import torch

from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.evaluation.localization import CORRECT_IOU, best_iou, centred_box
from fewlabels.evaluation.outcome import Outcome
from fewlabels.report.content.localize import BINS, Boxing, LocalizeContent
from fewlabels.report.pick.boxes import BoxesGallery
from fewlabels.report.pick.classify import classify_content
from fewlabels.report.pick.gallery import fixed_sample
from fewlabels.training.experiment import Experiment

MOST, MOST_UNSURE = 12, 6


def localize_content(experiment: Experiment, outcome: Outcome, boxes: TrueBoxes | None) -> LocalizeContent:
    """Return the content of ``classify`` with boxes, whose maps replace those of the classes.

    Args:
        experiment: a finished run.
        outcome: its results.
        boxes: the true boxes; those of training images are not used.
    """
    content = replace(classify_content(experiment, outcome), maps=[])
    return LocalizeContent(**vars(content), boxing=_boxing(experiment, outcome, boxes))


def _boxing(experiment: Experiment, outcome: Outcome, boxes: TrueBoxes | None) -> Boxing:
    """Pick images with their boxes, and count IoUs with the true boxes."""
    gallery, split = BoxesGallery(experiment, outcome), experiment.split
    trained = np.union1d(split.labelled, split.pool)
    kind, rows = next(
        (kind, rows)
        for kind, rows in (("test images", split.test), ("validation images", split.val), ("training images", trained))
        if len(rows)
    )
    true = None if rows is trained else boxes
    ious, centred = _evaluate(gallery, rows, true) if true is not None else ([], None)
    rule = gallery.mapper.rule
    return Boxing(
        kind=kind, images=gallery.mapped(fixed_sample(rows, MOST), true),
        unsure=gallery.boxed(gallery.least_confident(trained, MOST_UNSURE)), ious=ious, centred=centred,
        shows=gallery.shows, threshold=None if rule.source == "network" else rule.threshold,
        other_map=gallery.other.rule.source if gallery.other else "",
    )  # fmt: skip


def _evaluate(gallery: BoxesGallery, rows: np.ndarray, true: TrueBoxes) -> tuple[list[int], float | None]:
    """Return the IoUs of all images with a class, as GT-Known counts them, in bins; and GT-Known of a centred box."""
    rows = rows[gallery.labels[rows] != UNLABELLED]
    own = true.of(rows)
    if not len(own):
        return [], None
    ious = best_iou(gallery.boxes(torch.from_numpy(rows)), own)
    centred = best_iou(centred_box().expand(len(rows), 4), own)
    boxed = ~ious.isnan()
    bins = (ious[boxed] * BINS).long().clamp(0, BINS - 1)
    return bins.bincount(minlength=BINS).tolist(), float((centred[boxed] >= CORRECT_IOU).double().mean())
