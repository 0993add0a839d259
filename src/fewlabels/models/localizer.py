"""Classifiers that also predict a box, from one of their maps or from a second network.

A box is (x0, y0, x1, y1) as fractions of the image's width and height, half-open.
"""

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.heads.class_maps import ClassMapClassifier, at_unit_scale
from fewlabels.models.last_map import as_map
from fewlabels.models.maps.box_rule import BoxRule, StageMap
from fewlabels.models.maps.cam import head_weight
from fewlabels.models.maps.evidence import MAP_FUNCTIONS
from fewlabels.models.maps.regions import boxes_of, pseudo_boxes
from fewlabels.models.maps.stage_maps import STAGE_MAPS, last_stage, recorded_stage

HIDDEN = 512
"""Width of the hidden layer of a box head."""
REDUCED = 32
"""Channels per location in the input of a :class:`SpatialLocator`'s box head."""


class Located(NamedTuple):
    """Class logits and boxes of a batch."""

    logits: Tensor
    """(B, K)."""
    boxes: Tensor
    """(B, 4) float32, x0 <= x1 and y0 <= y1."""


def box_head(width: int) -> nn.Module:
    """Build PSOL's box head: two linear layers and four outputs from 0 to 1 (docs/papers/baselines.md, psol)."""
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4), nn.Sigmoid())


class Locator(SingleClassifier):
    """A network that predicts boxes: its "logits" are (B, 4) x0, y0, x1, y1 from 0 to 1.

    Args:
        backbone: see :class:`~fewlabels.models.classifier.SingleClassifier`.
        width: D, the length of the pooled features.
    """

    def __init__(self, backbone: nn.Module, width: int) -> None:
        super().__init__(backbone, box_head(width), width, 4)


class SpatialLocator(SingleClassifier):
    """A :class:`Locator` for a frozen backbone, whose pooled features cannot learn to encode locations.

    A 1x1 convolution reduces each location to ``REDUCED`` channels, and the box head sees all locations in order.
    Features are scaled by :func:`~fewlabels.models.heads.class_maps.at_unit_scale`.

    Args:
        backbone: the frozen backbone.
        width: D', the channels of its last map.
        height: h, the rows of its last map.
        across: w, the columns of its last map.
    """

    def __init__(self, backbone: nn.Module, width: int, height: int, across: int) -> None:
        inputs = REDUCED * height * across
        super().__init__(backbone, box_head(inputs), inputs, 4)
        self.reduce = nn.Conv2d(width, REDUCED, 1)

    def features(self, x: Tensor) -> Tensor:
        """Compute (B, REDUCED * h * w) features of (B, C, H, W) images."""
        last = as_map(self.last(x), self.backbone)
        return self.reduce(at_unit_scale(last)).relu().flatten(1)


class Localizer(Classifier):
    """A classifier with a rule for boxes; the task ``localize`` evaluates :meth:`locate`.

    Args:
        classifier: predicts the class.
        locator: the second network; given if and only if ``rule.source`` is "network".
        rule: how boxes are computed.
        class_size: larger images are reduced to this side before their class is predicted; 0 keeps their size.

    Raises:
        UserError: where the rule needs class activation maps and the classifier has none.
    """

    classifier: Classifier
    locator: SingleClassifier | None

    def __init__(
        self, classifier: Classifier, locator: SingleClassifier | None, rule: BoxRule, class_size: int = 0
    ) -> None:
        assert (locator is not None) == (rule.source == "network")
        super().__init__(classifier.num_features, classifier.num_classes)
        if rule.source in ("cam", "info-cam") and not isinstance(classifier.networks()[0], ClassMapClassifier):
            head_weight(classifier)  # raises where the network has no such map
        self.classifier, self.locator, self.rule, self.class_size = classifier, locator, rule, class_size

    def networks(self) -> list[SingleClassifier]:
        return self.classifier.networks()

    def trunks(self) -> list[SingleClassifier]:
        return [*self.classifier.trunks(), *([] if self.locator is None else [self.locator])]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self._reduced(x))

    def features(self, x: Tensor) -> Tensor:
        return self.classifier.features(self._reduced(x))

    def _reduced(self, x: Tensor) -> Tensor:
        """Reduce images (B, C, S, S) to ``class_size``; smaller images and pooled features are returned unchanged."""
        if x.ndim != 4 or not 0 < self.class_size < x.shape[2]:
            return x
        return interpolate(x, (self.class_size, self.class_size), mode="bilinear", antialias=True)

    @torch.no_grad()
    def locate(self, x: Tensor, classes: Tensor | None = None) -> Located:
        """Predict class and box of (B, C, H, W) images; the model must be in evaluation mode.

        Args:
            x: normalised images.
            classes: (B,) int64, the classes whose maps give the boxes, where boxes come from maps of a class. A
                negative value, or None, stands for the most probable class.
        """
        if self.rule.source in STAGE_MAPS:
            return self._locate_by_stage(x)
        logits = self(x)
        predicted = logits.argmax(1)
        located = predicted if classes is None else torch.where(classes < 0, predicted, classes)
        return Located(logits, self._boxes(x, located))

    def _locate_by_stage(self, x: Tensor) -> Located:
        """Predict class and box, in one pass where both see the same image: the map does not depend on the class."""
        reduced = self._reduced(x)
        with recorded_stage(self.classifier) as seen:
            logits = self.classifier(reduced)
        stage = seen[0] if reduced is x else last_stage(self.classifier, x)
        return Located(logits, self.stage_boxes(stage, x.shape[2]))

    def stage_boxes(self, stage: Tensor, side: int) -> Tensor:
        """Compute the (B, 4) boxes of images of that side from the map (B, D, h, w) of the network's last stage."""
        rule = self.rule
        maps = STAGE_MAPS[cast(StageMap, rule.source)](stage)
        return boxes_of(maps, rule.threshold, rule.component, rule.scale, side)

    def maps(self, x: Tensor, classes: Tensor) -> Tensor:
        """Compute the (B, h, w) maps behind the boxes: the first map of Algorithm 1, or the CAM next to a locator."""
        source = self.rule.source
        name = "features" if source == "erase-and-merge" else "cam" if source == "network" else source
        return MAP_FUNCTIONS[name](self.classifier, x, classes)

    def _boxes(self, x: Tensor, classes: Tensor) -> Tensor:
        rule = self.rule
        if self.locator is not None:
            first, second = self.locator(x).float().split(2, dim=1)
            return torch.cat([torch.minimum(first, second), torch.maximum(first, second)], dim=1)
        if rule.source == "erase-and-merge":
            return pseudo_boxes(
                lambda images: self.classifier.outputs(images).map, x, rule.threshold, rule.component, rule.scale
            ).boxes
        return boxes_of(self.maps(x, classes), rule.threshold, rule.component, rule.scale, side=x.shape[2])
