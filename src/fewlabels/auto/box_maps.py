"""The choice of the map that boxes come from, made without boxes (docs/choosing.md, Boxes)."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.evaluation.localization import iou
from fewlabels.models.maps.box_rule import StageMap
from fewlabels.models.maps.regions import boxes_of
from fewlabels.models.maps.stage_maps import STAGE_MAPS, at_border, border_distance

THRESHOLDS: dict[StageMap, float] = {"border-distance": 0.4, "median-distance": 0.45}
"""Thresholds of the candidates; where the border is not only background, objects were small (docs/choosing.md)."""
TRIED_FOR_BOXES = 64
"""Training images that maps are compared on."""
COMPARED = 0.45
"""Threshold at which the two maps are compared."""
LEAST_AGREEMENT = 0.6
LEAST_CONTRAST = 2.5
"""Limits between the data sets of docs/choosing.md where the border shows the background and those where it does not,
and between those where the network finds objects and the one where it finds none."""


@dataclass(frozen=True)
class BoxMap:
    """The chosen map and what it was chosen by."""

    agreement: float
    """Mean IoU of the boxes by the distance from the border and by the distance from the median."""
    contrast: float
    """Largest distance from the mean feature at the border divided by the mean distance of places at the border; the
    median over the images."""

    @property
    def map(self) -> StageMap:
        """The chosen map: where the two disagree, the border is not only background."""
        return "border-distance" if self.agreement >= LEAST_AGREEMENT else "median-distance"

    @property
    def threshold(self) -> float:
        """The threshold of the chosen map."""
        return THRESHOLDS[self.map]

    @property
    def finds_objects(self) -> bool:
        """Whether the network tells objects from their background."""
        return self.contrast >= LEAST_CONTRAST

    @property
    def reason(self) -> str:
        """A clause for a person."""
        return (
            f"boxes by {self.map}, because boxes by border-distance and by median-distance have a mean IoU of "
            f"{self.agreement:.2f} ({LEAST_AGREEMENT} or more speaks for the border)"
        )


def choose_box_map(stages: Iterable[Tensor], side: int) -> BoxMap:
    """Compare the boxes of two maps.

    Args:
        stages: batches of maps (B, D, h, w) of the network's last stage, of at least one image in total.
        side: of the images in pixels.
    """

    def boxes(stage: Tensor, name: StageMap) -> Tensor:
        return boxes_of(STAGE_MAPS[name](stage), COMPARED, "largest", side=side).cpu()

    agreement, contrast = [], []
    for stage in stages:
        agreement.append(iou(boxes(stage, "border-distance"), boxes(stage, "median-distance")))
        border = border_distance(stage)
        contrast.append(border.amax((1, 2)) / border[:, at_border(border)].mean(1).clamp_min(1e-12))
    return BoxMap(float(torch.cat(agreement).mean()), float(torch.cat(contrast).quantile(0.5)))
