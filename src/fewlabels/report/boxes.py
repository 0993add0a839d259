"""What the page shows of the boxes of a run, as data. Of training images no true box is looked at."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import UserError
from fewlabels.evaluation.localization import CORRECT_IOU, best_iou, centred_box
from fewlabels.evaluation.outcome import Outcome
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.regions import boxes_of
from fewlabels.report.boxing import BINS, Boxed, Boxing, Corners
from fewlabels.report.gallery import Gallery, drawn
from fewlabels.report.heat import overlay
from fewlabels.report.maps import SMALLEST
from fewlabels.training.experiment import Experiment

MOST, MOST_UNSURE = 12, 6


def summarise_boxes(experiment: Experiment, outcome: Outcome, boxes: TrueBoxes | None) -> Boxing:
    """Images with their boxes, and how well the boxes meet the true ones."""
    gallery, split = BoxesGallery(experiment, outcome), experiment.split
    trained = np.union1d(split.labelled, split.pool)
    kind, rows = next(
        (kind, rows)
        for kind, rows in (("test images", split.test), ("validation images", split.val), ("training images", trained))
        if len(rows)
    )
    true = None if rows is trained else boxes
    ious, centred = _judged(gallery, rows, true) if true is not None else ([], None)
    looked = gallery.looked
    return Boxing(
        kind=kind, images=gallery.mapped(drawn(rows, MOST), true), unsure=gallery.boxed(gallery.least_sure(trained)),
        ious=ious, centred=centred, shows=gallery.shows,
        threshold=None if looked.rule.source == "network" else looked.rule.threshold,
    )  # fmt: skip


def _judged(gallery: "BoxesGallery", rows: np.ndarray, true: TrueBoxes) -> tuple[list[int], float | None]:
    """The IoUs of all images with a class, as GT-Known counts them, in bins; and the GT-Known of a centred box."""
    rows = rows[gallery.labels[rows] != UNLABELLED]
    own = true.of(rows)
    if not len(own):
        return [], None
    ious = best_iou(gallery.boxes(torch.from_numpy(rows)), own)
    centred = best_iou(centred_box().expand(len(rows), 4), own)
    boxed = ~ious.isnan()
    bins = (ious[boxed] * BINS).long().clamp(0, BINS - 1)
    return bins.bincount(minlength=BINS).tolist(), float((centred[boxed] >= CORRECT_IOU).double().mean())


class BoxesGallery:
    """Images of a run with what its model says of them and where it says so.

    Of an image whose class is known to those who look (of training images: that was given), boxes and maps are of that
    class, as GT-Known wants it.
    """

    def __init__(self, experiment: Experiment, outcome: Outcome) -> None:
        assert isinstance(experiment.method, LocalizingMethod)
        assert isinstance(outcome.model, Localizer)
        self.experiment, self.model, self.plain = experiment, outcome.model, outcome.plain
        self.answers = outcome.answers
        self.gallery = Gallery(experiment, outcome.predictions)
        rule = experiment.method.pseudo_rule
        self.teacher = Localizer(self.model.classifier, None, rule) if rule else None
        """Says the pseudo boxes, where a rule does."""
        self.looked = self.teacher or self.model
        """Whose maps are shown."""
        self.labels = torch.from_numpy(experiment.dataset.labels).clone()
        """(N,) int64: the known class of each image, of a training image the given one, or UNLABELLED."""
        trained = np.union1d(experiment.split.labelled, experiment.split.pool)
        self.labels[trained] = self.gallery.given[trained]

    @property
    def shows(self) -> str:
        """What is bright in the maps, in words."""
        if self.looked.rule.source in ("features", "erase-and-merge"):
            return "the mean of the classifier's last features, whatever the class"
        return "evidence for the class"

    def boxes(self, rows: Tensor, model: Localizer | None = None) -> Tensor:
        """(n, 4) float32 on the CPU: the boxes of the run's model, or of another one."""
        found = self.answers(model or self.model, self.plain(rows), self.labels[rows]).boxes
        assert found is not None
        return found

    def least_sure(self, rows: np.ndarray) -> Tensor:
        """Those of the rows that the model is least sure of."""
        order = self.gallery.confidence[rows].argsort(stable=True)[:MOST_UNSURE]
        return torch.from_numpy(rows)[order]

    def boxed(self, rows: Tensor, true: TrueBoxes | None = None) -> list[Boxed]:
        """The rows in their order, with the true boxes that may be shown of them."""
        if not len(rows):
            return []
        boxes = self.boxes(rows)
        pseudo = _corners(self.boxes(rows, self.teacher)) if self.teacher else [None] * len(rows)
        own = true.of(rows.numpy()) if true is not None else None
        ious = [None] * len(rows) if own is None else best_iou(boxes, own).tolist()
        truth = [[] if own is None else _corners(torch.from_numpy(own.corners[own.row == n])) for n in range(len(rows))]
        return [
            Boxed(example, box, taught, found, None if iou is None or np.isnan(iou) else iou)
            for example, box, taught, found, iou in zip(
                self.gallery.examples(rows.tolist()), _corners(boxes), pseudo, truth, ious, strict=True
            )
        ]

    def mapped(self, rows: Tensor, true: TrueBoxes | None) -> list[Boxed]:
        """As :meth:`boxed`, with heat maps where images are large enough and the network has such maps."""
        images = self.boxed(rows, true)
        maps = self._maps(rows) if images and self.experiment.images.store.size >= SMALLEST else None
        if maps is None:
            return images
        heat = [
            overlay(pixels, one.numpy()) for pixels, one in zip(self.gallery.pixels(rows.tolist()), maps, strict=True)
        ]
        rule, side = self.looked.rule, self.experiment.images.store.size
        if rule.source == "network":
            return [replace(one, overlay=shown) for one, shown in zip(images, heat, strict=True)]
        regions = _corners(boxes_of(maps, rule.threshold, rule.component, rule.scale, side))
        return [
            replace(one, overlay=shown, region=region) for one, shown, region in zip(images, heat, regions, strict=True)
        ]

    def _maps(self, rows: Tensor) -> Tensor | None:
        """(n, h, w) float32 on the CPU; None where there are none to look at."""
        x, known = torch.cat(list(self.plain(rows))), self.labels[rows]
        classes = torch.where(known == UNLABELLED, self.gallery.guess[rows], known)
        try:
            maps = self.looked.maps(x, classes.to(x.device)).detach().float().cpu()
        except UserError:
            return None
        return maps if maps[0].numel() > 1 and bool(maps.isfinite().all()) else None


def _corners(boxes: Tensor) -> list[Corners]:
    """(n, 4) boxes to a ten-thousandth, inside the image whatever the model says."""
    rows = boxes.double().nan_to_num().clamp(0, 1).tolist()
    return [(round(x0, 4), round(y0, 4), round(x1, 4), round(y1, 4)) for x0, y0, x1, y1 in rows]
