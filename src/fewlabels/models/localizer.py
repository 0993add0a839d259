"""A classifier that also says where: boxes from one of its maps, or from a second network.

A box is (x0, y0, x1, y1) as fractions of the image's width and height, half-open.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from fewlabels.models.box_rule import BoxRule
from fewlabels.models.cam import head_weight
from fewlabels.models.class_maps import ClassMapClassifier, at_unit_scale
from fewlabels.models.classifier import Classifier, Outputs, as_map
from fewlabels.models.evidence import MAPS
from fewlabels.models.regions import boxes_of, pseudo_boxes

HIDDEN = 512
"""Numbers between the two layers of a head that gives boxes."""
REDUCED = 32
"""Numbers that a head that sees places makes of each place's features."""


class Located(NamedTuple):
    """What a localizer says of images."""

    logits: Tensor
    """(B, K)."""
    boxes: Tensor
    """(B, 4) float32, x0 <= x1 and y0 <= y1."""


def box_head(width: int) -> nn.Module:
    """PSOL's head: two layers and four numbers from 0 to 1 (METHODS 4.1)."""
    return nn.Sequential(nn.Linear(width, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 4), nn.Sigmoid())


class Locator(Classifier):
    """A network that gives boxes: its "logits" are (B, 4) x0, y0, x1, y1 from 0 to 1, of features of ``width``."""

    def __init__(self, backbone: nn.Module, width: int) -> None:
        super().__init__(backbone, box_head(width), width, 4)


class PlaceLocator(Classifier):
    """The same for a trunk that does not learn: its pooled features can't be made to say where anything is.

    Each place is brought to ``REDUCED`` numbers, and the head sees those of all places, in their order. Features are
    scaled as those of class maps are.

    Args:
        backbone: the trunk.
        width: channels D of its last map.
        height: places h, from top to bottom.
        across: places w, from left to right.
    """

    def __init__(self, backbone: nn.Module, width: int, height: int, across: int) -> None:
        seen = REDUCED * height * across
        super().__init__(backbone, box_head(seen), seen, 4)
        self.reduce = nn.Conv2d(width, REDUCED, 1)

    def features(self, x: Tensor) -> Tensor:
        """Compute (B, REDUCED * places) of (B, C, H, W) images."""
        last = as_map(self.last(x), self.backbone)
        return self.reduce(at_unit_scale(last)).relu().flatten(1)


class Localizer(Classifier):
    """``classifier`` names the class; ``rule`` says how boxes come about.

    ``locator`` is the second network where the rule wants one, a :class:`Locator`. The task's answers are those of
    :meth:`locate`; everything that a classifier can do, its own classifier does.
    """

    classifier: Classifier
    locator: Classifier | None

    def __init__(self, classifier: Classifier, locator: Classifier | None, rule: BoxRule) -> None:
        assert (locator is not None) == (rule.source == "network")
        nn.Module.__init__(self)
        if rule.source in ("cam", "info-cam") and not isinstance(classifier.networks()[0], ClassMapClassifier):
            head_weight(classifier.networks()[0])  # refuses now what has no such map
        self.classifier, self.locator, self.rule = classifier, locator, rule
        self.num_features, self.num_classes = classifier.num_features, classifier.num_classes

    def networks(self) -> list[Classifier]:
        return self.classifier.networks()

    def trunks(self) -> list[Classifier]:
        return [*self.classifier.trunks(), *([] if self.locator is None else [self.locator])]

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(x)

    def features(self, x: Tensor) -> Tensor:
        return self.classifier.features(x)

    def outputs(self, x: Tensor) -> Outputs:
        return self.classifier.outputs(x)

    @torch.no_grad()
    def locate(self, x: Tensor, classes: Tensor | None = None) -> Located:
        """Say class and box of (B, C, H, W) images, in evaluation mode.

        Args:
            x: normalised images.
            classes: (B,) int64, whose maps to look at where boxes come from maps of a class; below 0, or None: the
                most probable one.
        """
        logits = self.classifier(x)
        guess = logits.argmax(1)
        known = guess if classes is None else torch.where(classes < 0, guess, classes)
        return Located(logits, self._boxes(x, known))

    def maps(self, x: Tensor, classes: Tensor) -> Tensor:
        """Compute the (B, h, w) maps that boxes come from: of Algorithm 1 its first, of a network those of CAM."""
        source = self.rule.source
        name = "features" if source == "erase-and-merge" else "cam" if source == "network" else source
        return MAPS[name](self.classifier, x, classes)

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
