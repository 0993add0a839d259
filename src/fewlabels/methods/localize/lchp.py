"""LCHP: boxes from where a classifier looks, learned by a second network, then made consistent by it alone."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from fewlabels.augment import box_aware
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Batch, Losses, Network, Parameters, Pool, Problem, parameter
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import evaluating
from fewlabels.models.localizer import Localizer
from fewlabels.models.map_cache import bypass_map_cache
from fewlabels.models.maps.box_rule import BoxRule, Component, Scale
from fewlabels.models.maps.regions import PseudoBoxes, crop_and_resize, has_area, pseudo_boxes


@dataclass(frozen=True)
class LCHPParameters(Parameters):
    """Defaults of Sec. 4.1 for CUB-200-2011; Tiny-ImageNet has delta 0.8."""

    stage: Literal["refine", "initialise", "pseudo-label"] = parameter(
        "refine", "how far to go: LCHP-R, LCHP-I, or the classifier's own boxes (row Pseudo Label of Tables 1 and 2)"
    )
    attention_maps: int = parameter(
        0, "of the classifier's bilinear attention pooling; 0 is the backbone's own pooling (the paper: 32, with "
        "--backbone inception_v3_mixed_6e)", least=0, most=4096,
    )  # fmt: skip
    delta: float = parameter(0.7, "delta: foreground lies above this share of the map (Table 3)", least=0, below=1)
    component: Component = parameter("all", "the box is around all of the foreground, or its largest component (L3)")
    scale: Scale = parameter("min-max", "the map is scaled by least and largest value, or by the largest (L1)")
    alpha: float = parameter(20.0, "alpha: weight of the boxes' loss in the first stage (Eq. 4)", least=0)
    momentum: float = parameter(0.9, "of the averaged classifier that the boxes come from (Eq. 3)", least=0, below=1)
    tau: float = parameter(
        0.9, "tau: a box is kept if the classifier is this sure of what is in it (Eq. 6)", least=0, most=1
    )
    teacher: Literal["current", "frozen"] = parameter(
        "current", "refinement learns from the boxes of the localiser as it is, or as the first stage left it (L11)"
    )
    same_class: bool = parameter(False, "a box also has to hold the image's own class (L12); the paper does not ask")
    parts: int = parameter(
        4, "the last of so many equal parts of the run refines (the paper: 2, on ImageNet 3; boxes shrink in time)",
        least=2, most=100,
    )  # fmt: skip
    refine_lr: float = parameter(
        2e-3, "learning rate of the second stage, on the run's schedule (the paper's is constant, on ImageNet 2e-4)",
        least=0,
    )  # fmt: skip
    scaling: bool = parameter(True, "strong view: scale each axis by 80 to 120 % (Table 6)")
    translation: bool = parameter(True, "strong view: crop or pad each side by up to 25 % (Table 6)")
    flipping: bool = parameter(True, "strong view: mirror images, both ways (Table 6)")


class LCHP(LocalizingMethod):
    """Stage I: an average of the classifier says where it looks, and, with that erased, where else;
    the box around both teaches the localiser, and the classifier learns its class from both images (Algorithm 1). Stage
    R: the localiser alone, its boxes moving as their images do.

    Batch statistics move in stage I, in one pass of each network, and rest in stage R: strong views, scaled and with
    black borders, would take them away from the images at test. The paper does not say; so it is better here.
    """

    title = "LCHP"
    paper = "Learning Consistency from High-quality Pseudo-labels for Weakly Supervised Object Localization, 2022."
    idea = (
        "Boxes around what a classifier looks at, and around what it looks at once that is erased, teach a second "
        "network to find boxes. Then only boxes that the classifier is sure of teach it, however the image is changed."
    )
    hyperparameters = LCHPParameters
    has_unused_parameters = True
    reset_each_round = "optimiser"
    model: Localizer
    p: LCHPParameters

    def __init__(self, model: Localizer, parameters: LCHPParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.generator = WeightAverage(model.classifier, parameters.momentum, ramp=False)
        kept = parameters.teacher == "frozen" and model.locator is not None
        self.initialised = WeightAverage(self.locator, 0.0) if kept else None

    @classmethod
    def network(cls, parameters: LCHPParameters) -> Network:
        """A second network for the boxes, but for the stage that has none."""
        boxes = _rule(parameters) if parameters.stage == "pseudo-label" else BoxRule("network")
        if not parameters.attention_maps:
            return Network(boxes=boxes, fine_map=True)
        return Network("bilinear-attention", attention_maps=parameters.attention_maps, boxes=boxes, fine_map=True)

    @property
    def pseudo_rule(self) -> BoxRule | None:
        return None if self.p.stage == "pseudo-label" else _rule(self.p)

    @property
    def rounds(self) -> int:
        """Of which the last refines, if any does."""
        return min(self.p.parts, self.problem.steps) if self.p.stage == "refine" else 1

    def start_round(self, number: int, pool: Pool) -> None:
        """Refinement goes on from the averaged networks, which are what the first stage would be evaluated by.

        Momentum begins anew with each part, so that none of the first stage's moves the second's weights.
        """
        if self.refines(number):
            self.model.load_state_dict(pool.averaged.state_dict())
            if self.initialised is not None:
                self.initialised.restart(self.locator)

    def locator_lr(self, number: int) -> float | None:
        """The second stage has its own."""
        return self.p.refine_lr if self.refines(number) else None

    @property
    def locator(self) -> Classifier:
        assert self.model.locator is not None
        return self.model.locator

    def losses(self, batch: Batch) -> Losses:
        """Of the stage that the step belongs to."""
        return self.refinement(batch) if self.refines(batch.round) else self.initialisation(batch)

    def refines(self, number: int) -> bool:
        """Is the round of that number the second stage?"""
        return 0 < number == self.rounds - 1

    def initialisation(self, batch: Batch) -> Losses:
        """L = L_cls + alpha L_reg (Eq. 1, 2 and 4)."""
        x, labels = batch.labelled.views[0], batch.labelled.labels
        found = self.pseudo_boxes(x)
        # one pass over both: half of the sum of two mean cross-entropies is the mean over all
        terms = {"classification": cross_entropy(self.model.classifier(torch.cat([x, found.erased])), labels.repeat(2))}
        if self.p.stage != "pseudo-label":
            terms["regression"] = self.p.alpha * mse_loss(self.locator(x).float(), found.boxes)
        return Losses(terms)

    def pseudo_boxes(self, x: Tensor) -> PseudoBoxes:
        """Algorithm 1 by the averaged classifier theta_2, in evaluation mode."""
        generator = self.generator.shadow
        return pseudo_boxes(lambda seen: generator.outputs(seen).map, x, self.p.delta, self.p.component, self.p.scale)

    def refinement(self, batch: Batch) -> Losses:
        """Consistency of the kept boxes (Eq. 5 and 6), divided by the number of all images (METHODS L14)."""
        x, labels = batch.labelled.views[0], batch.labelled.labels
        boxes, kept = self.high_quality(x, labels)
        movement = box_aware.draw(batch.draws, self.p.scaling, self.p.translation, self.p.flipping)
        target = box_aware.move_boxes(boxes, movement)
        kept = kept & box_aware.is_box(target)
        with evaluating(self.locator), bypass_map_cache(self.locator):
            found = self.locator(box_aware.move_images(x, movement)).float()
        return Losses({"consistency": consistency_loss(found, target, kept)}, kept)

    @torch.no_grad()
    def high_quality(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The teacher's (B, 4) boxes, and (B,) bool: is the classifier, in evaluation mode, sure of what is in them?"""
        teacher = self.locator if self.initialised is None else self.initialised.shadow
        with evaluating(self.model):
            boxes = teacher(x).float()
            crops = crop_and_resize(x, boxes, x.shape[2])
            with bypass_map_cache(self.model):
                confidence, guess = self.model.classifier(crops).softmax(1).max(1)
        kept = (confidence > self.p.tau) & has_area(boxes)
        return boxes, kept & (guess == labels) if self.p.same_class else kept

    def after_step(self) -> None:
        """theta_2 follows the classifier, batch statistics included (METHODS L9)."""
        self.generator.update(self.model.classifier)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Those above tau."""
        return probabilities.amax(1) > self.p.tau


def _rule(parameters: LCHPParameters) -> BoxRule:
    return BoxRule("erase-and-merge", parameters.delta, parameters.component, parameters.scale)


def consistency_loss(found: Tensor, target: Tensor, kept: Tensor) -> Tensor:
    """Mean squared difference of (B, 4) boxes over the kept ones (B,) bool, divided by all B (Eq. 6; METHODS L8, L14).

    The mean over the four numbers is the paper's squared norm divided by 4. A scalar; the target is not differentiated.
    """
    return ((found - target.detach()).square().mean(1) * kept).mean()
