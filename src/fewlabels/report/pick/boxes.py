"""Images of a run of task ``localize`` with their boxes and heat maps."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fewlabels.auto.box_maps import THRESHOLDS
from fewlabels.data.dataset import UNLABELLED
from fewlabels.data.true_boxes import TrueBoxes
from fewlabels.errors import UserError
from fewlabels.evaluation.localization import best_iou
from fewlabels.evaluation.outcome import Outcome
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.box_rule import Source, StageMap
from fewlabels.models.maps.regions import boxes_of
from fewlabels.report.content.blocks import Corners
from fewlabels.report.content.localize import Boxed
from fewlabels.report.draw.heat import overlay
from fewlabels.report.pick.gallery import ImagePicker
from fewlabels.report.pick.maps import SMALLEST
from fewlabels.training.experiment import Experiment

STAGE_SHOWS: dict[Source, str] = {
    "norm": "norm of the network's features",
    "border-distance": "distance of the network's features from those at the border of the image",
    "median-distance": "distance of the network's features from the median of the image",
}
"""What a map of the last stage shows, for the reader."""


class BoxesGallery:
    """The images of a run with predicted classes and boxes.

    Boxes and maps are of the known class of an image, as GT-Known requires: of the given class for training images, and
    of the predicted class where none is known.
    """

    def __init__(self, experiment: Experiment, outcome: Outcome) -> None:
        assert isinstance(experiment.method, LocalizingMethod)
        assert isinstance(outcome.model, Localizer)
        self.experiment, self.model, self.plain = experiment, outcome.model, outcome.plain
        self.answers = outcome.answers
        self.gallery = ImagePicker(experiment, outcome.predictions)
        rule = experiment.method.pseudo_rule
        self.teacher = Localizer(self.model.classifier, None, rule) if rule else None
        """Predicts the pseudo boxes; None if the method has no rule for them."""
        self.mapper = self.teacher or self.model
        """The model whose maps are shown."""
        self.other = _other(self.model)
        """Predicts boxes from a map that the model does not use; None if the model has none to choose from."""
        self.labels = torch.from_numpy(experiment.dataset.labels).clone()
        """(N,) int64: the known class of each image (the given one of a training image), or UNLABELLED."""
        trained = np.union1d(experiment.split.labelled, experiment.split.pool)
        self.labels[trained] = self.gallery.given[trained]

    @property
    def shows(self) -> str:
        """What is bright in the maps, for the reader."""
        if self.mapper.rule.source in ("features", "erase-and-merge"):
            return "the mean of the classifier's last features, independent of the class"
        if self.mapper.rule.source in STAGE_SHOWS:
            return f"the {STAGE_SHOWS[self.mapper.rule.source]}, independent of the class"
        return "evidence for the class"

    def boxes(self, rows: Tensor, model: Localizer | None = None) -> Tensor:
        """Return (n, 4) float32 on the CPU, the boxes predicted by the run's model or by another one."""
        found = self.answers(model or self.model, self.plain(rows), self.labels[rows]).boxes
        assert found is not None
        return found

    def least_confident(self, rows: np.ndarray, most: int) -> Tensor:
        """Return the rows with the lowest confidence, at most ``most``."""
        order = self.gallery.confidence[rows].argsort(stable=True)[:most]
        return torch.from_numpy(rows)[order]

    def boxed(self, rows: Tensor, true: TrueBoxes | None = None) -> list[Boxed]:
        """Return the rows in their order; with true boxes if these are given."""
        if not len(rows):
            return []
        boxes = self.boxes(rows)
        pseudo = _corners(self.boxes(rows, self.teacher)) if self.teacher else [None] * len(rows)
        own = true.of(rows.numpy()) if true is not None else None
        ious = [None] * len(rows) if own is None else best_iou(boxes, own).tolist()
        truth = [[] if own is None else _corners(torch.from_numpy(own.corners[own.row == n])) for n in range(len(rows))]
        return [
            Boxed(example, box, pseudo_box, found, None if iou is None or np.isnan(iou) else iou)
            for example, box, pseudo_box, found, iou in zip(
                self.gallery.examples(rows.tolist()), _corners(boxes), pseudo, truth, ious, strict=True
            )
        ]

    def mapped(self, rows: Tensor, true: TrueBoxes | None) -> list[Boxed]:
        """Return :meth:`boxed` with heat maps, if images are large enough and the network has such maps."""
        images = self.boxed(rows, true)
        if images and self.other is not None:
            others = _corners(self.boxes(rows, self.other))
            images = [replace(one, other=box) for one, box in zip(images, others, strict=True)]
        maps = self._maps(rows) if images and self.experiment.images.store.size >= SMALLEST else None
        if maps is None:
            return images
        heat = [
            overlay(pixels, one.numpy()) for pixels, one in zip(self.gallery.pixels(rows.tolist()), maps, strict=True)
        ]
        rule, side = self.mapper.rule, self.experiment.images.store.size
        if rule.source == "network":
            return [replace(one, overlay=shown) for one, shown in zip(images, heat, strict=True)]
        regions = _corners(boxes_of(maps, rule.threshold, rule.component, rule.scale, side))
        return [
            replace(one, overlay=shown, region=region) for one, shown, region in zip(images, heat, regions, strict=True)
        ]

    def _maps(self, rows: Tensor) -> Tensor | None:
        """Return (n, h, w) float32 on the CPU; None if the network has no maps, or none to look at."""
        x, known = torch.cat(list(self.plain(rows))), self.labels[rows]
        classes = torch.where(known == UNLABELLED, self.gallery.guess[rows], known)
        try:
            maps = self.mapper.maps(x, classes.to(x.device)).detach().float().cpu()
        except UserError:
            return None
        return maps if maps[0].numel() > 1 and bool(maps.isfinite().all()) else None


def _other(model: Localizer) -> Localizer | None:
    """Return the model with the map that ``auto`` compares its map with; None if its boxes come from another source."""
    others: dict[Source, StageMap] = {"border-distance": "median-distance", "median-distance": "border-distance"}
    name = others.get(model.rule.source)
    if name is None:
        return None
    rule = replace(model.rule, source=name, threshold=THRESHOLDS[name])
    return Localizer(model.classifier, None, rule, model.class_size).eval()


def _corners(boxes: Tensor) -> list[Corners]:
    """Round (n, 4) boxes to a ten-thousandth, clipped to the image."""
    rows = boxes.double().nan_to_num().clamp(0, 1).tolist()
    return [(round(x0, 4), round(y0, 4), round(x1, 4), round(y1, 4)) for x0, y0, x1, y1 in rows]
