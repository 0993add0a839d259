"""LCHP: a second network learns boxes from a classifier's maps, and is refined by consistency on confident boxes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from fewlabels.augment import box_aware
from fewlabels.errors import UserError
from fewlabels.methods.given_boxes import GivenBoxesParameters
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Batch, Losses, Network, Pool, Problem, parameter
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import evaluating
from fewlabels.models.localizer import Localizer
from fewlabels.models.map_cache import bypass_map_cache
from fewlabels.models.maps.box_rule import BoxRule, Component, Scale
from fewlabels.models.maps.regions import PseudoBoxes, crop_and_resize, has_area, pseudo_boxes


@dataclass(frozen=True)
class LCHPParameters(GivenBoxesParameters):
    """Defaults of Sec. 4.1 for CUB-200-2011; Tiny-ImageNet has delta 0.8."""

    stage: Literal["refine", "initialise", "pseudo-label"] = parameter(
        "refine", "last stage: LCHP-R, LCHP-I, or the classifier's own boxes (row Pseudo Label of Tables 1 and 2)"
    )
    attention_maps: int = parameter(
        0, "maps of the classifier's bilinear attention pooling; 0 is the backbone's own pooling (the paper: 32, with "
        "--backbone inception_v3_mixed_6e)", least=0, most=4096,
    )  # fmt: skip
    delta: float = parameter(
        0.7, "delta: values of the scaled map above this are foreground (Table 3)", least=0, below=1
    )
    component: Component = parameter(
        "all", "the box encloses all of the foreground, or its largest component (docs/papers/lchp.md, L3)"
    )
    scale: Scale = parameter(
        "min-max", "the map is scaled by its minimum and maximum, or by its maximum (docs/papers/lchp.md, L1)"
    )
    alpha: float = parameter(20.0, "alpha: weight of the box loss in the first stage (Eq. 3)", least=0)
    momentum: float = parameter(
        0.9, "momentum of the averaged classifier that gives the pseudo boxes (Eq. 7)", least=0, below=1
    )
    tau: float = parameter(
        0.9, "tau: a box is kept if the classifier's confidence on its content is above this (Eq. 6)", least=0, most=1
    )
    teacher: Literal["current", "frozen"] = parameter(
        "current", "boxes of the refinement: from the current localiser, or from that at the end of the first stage "
        "(docs/papers/lchp.md, L11)"
    )  # fmt: skip
    same_class: bool = parameter(
        False, "keep only boxes whose content is predicted as the image's class (docs/papers/lchp.md, L12); not in the "
        "paper"
    )  # fmt: skip
    parts: int = parameter(
        4, "the run has this many equal parts, of which the last refines (the paper: 2, on ImageNet 3); a longer "
        "refinement shrinks boxes", least=2, most=100,
    )  # fmt: skip
    refine_lr: float = parameter(
        2e-3, "learning rate of the second stage, on the run's schedule (the paper's is constant, on ImageNet 2e-4; "
        "docs/papers/lchp.md, L18)", least=0,
    )  # fmt: skip
    scaling: bool = parameter(True, "strong view: scale each axis by 80 to 120 % (Table 6)")
    translation: bool = parameter(True, "strong view: crop or pad each side by up to 25 % (Table 6)")
    flipping: bool = parameter(True, "strong view: flip horizontally and vertically (Table 6)")

    def validate(self, num_classes: int) -> None:
        """Check that there is a network that can learn the boxes of another run.

        Raises:
            UserError: if there is none.
        """
        if self.given and self.stage == "pseudo-label":
            raise UserError(
                "--method.stage pseudo-label trains no network on boxes; give another stage, or leave "
                "--method.generator out"
            )


class LCHP(LocalizingMethod):
    """Two stages: initialisation (LCHP-I) and refinement (LCHP-R).

    Initialisation: an averaged classifier gives a box around the most discriminative region and, with that region
    erased, a second one. The union of both is the target of the localiser, and the classifier is trained on both images
    (Algorithm 1). With ``--method.generator`` the target is the box of another run instead. It belongs to the image
    without augmentation, so the localiser sees this one; the classifier is trained as before.

    Refinement: only the localiser is trained, on its own confident boxes, moved with their images (Eq. 4 to 6).

    Batch statistics are updated in the initialisation, in one pass of each network, and are fixed in the refinement,
    because strong views, scaled and with black borders, differ from test images. The paper does not mention this; fixed
    statistics gave better results here.
    """

    title = "LCHP"
    paper = "Learning Consistency from High-quality Pseudo-labels for Weakly Supervised Object Localization, 2022."
    idea = (
        "A second network learns to predict boxes around the region that a classifier uses, joined with the region it "
        "uses once the first is erased. It is then refined on its own boxes with a confident class, which it has to "
        "predict on strongly augmented images too."
    )
    notes = "docs/papers/lchp.md"
    hyperparameters = LCHPParameters
    has_unused_parameters = True
    reset_each_round = "optimiser"
    model: Localizer
    p: LCHPParameters
    boxes: Tensor | None
    """(N, 4), the box of each row of the data set, from another run; None if the pseudo boxes are the method's own."""

    def __init__(self, model: Localizer, parameters: LCHPParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        assert parameters.given == (problem.boxes is not None)
        self.register_buffer("boxes", problem.boxes)
        self.generator = WeightAverage(model.classifier, parameters.momentum, ramp=False)
        kept = parameters.teacher == "frozen" and model.locator is not None
        self.initialised = WeightAverage(self.locator, 0.0) if kept else None

    @classmethod
    def network(cls, parameters: LCHPParameters) -> Network:
        """Ask for a second network for the boxes, unless the stage is ``pseudo-label``."""
        boxes = _rule(parameters) if parameters.stage == "pseudo-label" else BoxRule("network")
        if not parameters.attention_maps:
            return Network(boxes=boxes, fine_map=True)
        return Network("bilinear-attention", attention_maps=parameters.attention_maps, boxes=boxes, fine_map=True)

    @classmethod
    def views_of_labelled(cls, parameters: LCHPParameters) -> tuple[str, ...]:
        """Return the view of the classifier; and the plain image, if boxes are given, which belong to it."""
        return (*cls.labelled_views, "identity") if parameters.given else cls.labelled_views

    @property
    def pseudo_rule(self) -> BoxRule | None:
        """The rule that gives the pseudo boxes of the initialisation; None if no network is trained on them."""
        return None if self.p.given or self.p.stage == "pseudo-label" else _rule(self.p)

    @property
    def rounds(self) -> int:
        """The parts of the run if it refines, else one."""
        return min(self.p.parts, self.problem.steps) if self.p.stage == "refine" else 1

    def start_round(self, number: int, pool: Pool) -> None:
        """Start the refinement from the averaged networks, by which the first stage would be evaluated.

        The optimiser's momentum is reset in each part, so that the first stage does not move the second's weights.
        """
        if self.refines(number):
            self.model.load_state_dict(pool.averaged.state_dict())
            if self.initialised is not None:
                self.initialised.restart(self.locator)

    def learning_rates(self, number: int) -> Mapping[str, float]:
        """Return ``refine_lr`` for the localiser in the refinement."""
        return {"locator": self.p.refine_lr} if self.refines(number) else {}

    @property
    def locator(self) -> Classifier:
        """The network that predicts boxes."""
        assert self.model.locator is not None
        return self.model.locator

    def losses(self, batch: Batch) -> Losses:
        """Return the losses of the stage that the step belongs to."""
        return self.refinement(batch) if self.refines(batch.round) else self.initialisation(batch)

    def refines(self, number: int) -> bool:
        """Return whether the round of that number is the refinement."""
        return 0 < number == self.rounds - 1

    def initialisation(self, batch: Batch) -> Losses:
        """Return L = L_cls + alpha L_reg (Eq. 1 to 3)."""
        x, labels = batch.labelled.views[0], batch.labelled.labels
        found = self.pseudo_boxes(x)
        # one pass over both: half of the sum of the two mean cross-entropies is the mean over all images
        terms = {"classification": cross_entropy(self.model.classifier(torch.cat([x, found.erased])), labels.repeat(2))}
        if self.p.stage != "pseudo-label":
            target = found.boxes if self.boxes is None else self.boxes[batch.labelled.rows]
            terms["regression"] = self.p.alpha * mse_loss(self.locator(batch.labelled.views[-1]).float(), target)
        return Losses(terms)

    def pseudo_boxes(self, x: Tensor) -> PseudoBoxes:
        """Return the pseudo boxes of Algorithm 1 by the averaged classifier theta_2, in evaluation mode."""
        generator = self.generator.shadow
        return pseudo_boxes(lambda seen: generator.outputs(seen).map, x, self.p.delta, self.p.component, self.p.scale)

    def refinement(self, batch: Batch) -> Losses:
        """Return the consistency loss of the kept boxes (Eq. 5 and 6)."""
        x, labels = batch.labelled.views[0], batch.labelled.labels
        boxes, kept = self.high_quality(x, labels)
        transform = box_aware.draw_transform(batch.draws, self.p.scaling, self.p.translation, self.p.flipping)
        target = box_aware.transform_boxes(boxes, transform)
        kept = kept & box_aware.is_box(target)
        with evaluating(self.locator), bypass_map_cache(self.locator):
            found = self.locator(box_aware.transform_images(x, transform)).float()
        return Losses({"consistency": box_consistency_loss(found, target, kept)}, kept)

    @torch.no_grad()
    def high_quality(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's boxes and whether they are kept, because the classifier is confident of their content.

        The classifier runs in evaluation mode. Boxes without area are not kept (docs/papers/lchp.md, L13).

        Args:
            x: (B, C, H, W).
            labels: (B,) int64.

        Returns:
            boxes (B, 4) float32 and (B,) bool.
        """
        teacher = self.locator if self.initialised is None else self.initialised.shadow
        with evaluating(self.model):
            boxes = teacher(x).float()
            crops = crop_and_resize(x, boxes, x.shape[2])
            with bypass_map_cache(self.model):
                confidence, guess = self.model.classifier(crops).softmax(1).max(1)
        kept = (confidence > self.p.tau) & has_area(boxes)
        return boxes, kept & (guess == labels) if self.p.same_class else kept

    def after_step(self) -> None:
        """Update theta_2, the average of the classifier and its batch statistics (docs/papers/lchp.md, L9)."""
        self.generator.update(self.model.classifier)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions with a confidence above tau, (N,) bool."""
        return probabilities.amax(1) > self.p.tau


def _rule(parameters: LCHPParameters) -> BoxRule:
    return BoxRule("erase-and-merge", parameters.delta, parameters.component, parameters.scale)


def box_consistency_loss(found: Tensor, target: Tensor, kept: Tensor) -> Tensor:
    """Return the mean squared difference of predicted and target boxes, where those not kept count 0 (Eq. 6).

    The mean over the four coordinates is the paper's squared norm divided by 4; the divisor is the number of all images
    (docs/papers/lchp.md, L8 and L14). The target gets no gradient.

    Args:
        found: (B, 4) predicted boxes as fractions of the image.
        target: (B, 4) boxes.
        kept: (B,) bool.

    Returns:
        a scalar.
    """
    return ((found - target.detach()).square().mean(1) * kept).mean()
