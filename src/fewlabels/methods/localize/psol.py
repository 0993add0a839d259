"""PSOL: boxes from what the features of a class have in common, then a network that learns them."""

from dataclasses import dataclass
from typing import Literal

import torch
from scipy.linalg import eigh
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Batch, Losses, Network, Parameters, Pool, Problem, parameter
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.models.maps.regions import boxes_around, largest_component


@dataclass(frozen=True)
class PSOLParameters(Parameters):
    """Default of Sec. 4.1."""

    weight: float = parameter(50.0, "lambda: weight of the boxes' loss (authors' code)", least=0)
    features: Literal["initial", "trained"] = parameter(
        "initial",
        "whose features the boxes come from: the pretrained network's (the paper), or, for one that starts from "
        "nothing, the classifier's after half of the run, when the boxes are learned in the other half",
    )


class PSOL(LocalizingMethod):
    """Two networks that share nothing: a classifier, and one that regresses the boxes found by deep descriptor
    transformation. Ours are x0, y0, x1, y1, the paper's a corner and two sides. The boxes are of the images as
    they are, so the second network sees these, the classifier weak views. Batch statistics move in the one pass of
    each.
    """

    title = "PSOL"
    paper = "Zhang, Cao and Wu, Rethinking the Route Towards Weakly Supervised Object Localization, CVPR 2020."
    idea = (
        "The first principal component of a class's features, over all its images, is positive where its objects are. "
        "Boxes around that teach a network of their own to find boxes, whatever the class."
    )
    hyperparameters = PSOLParameters
    labelled_views = ("weak", "identity")
    has_unused_parameters = True
    # the second network has no momentum when it begins, and torch wants that of all weights or of none
    reset_each_round = "optimiser"
    model: Localizer
    p: PSOLParameters
    boxes: Tensor
    """(N, 4) of every labelled image."""

    def __init__(self, model: Localizer, parameters: PSOLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.register_buffer("boxes", torch.tensor([0.0, 0, 1, 1]).repeat(problem.num_images, 1))

    @classmethod
    def network(cls, parameters: PSOLParameters) -> Network:
        """A second network for the boxes."""
        return Network(boxes=BoxRule("network"), fine_map=True)

    @property
    def rounds(self) -> int:
        """With trained features the classifier comes first."""
        return 1 if self.p.features == "initial" else 2

    def start_round(self, number: int, pool: Pool) -> None:
        """Find the boxes, class by class, before the round in which they are learned."""
        if number + 1 < self.rounds:
            return
        for k in range(self.num_classes):
            rows = pool.labelled_rows[pool.labels == k]
            if len(rows):
                self.boxes[rows.to(self.boxes.device)] = common_boxes(pool.maps(pool.averaged, rows)).to(self.boxes)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy, and the squared difference of the boxes."""
        (x, plain), labels, rows = batch.labelled.views, batch.labelled.labels, batch.labelled.rows
        terms = {"classification": cross_entropy(self.model.classifier(x), labels)}
        if batch.round + 1 == self.rounds:
            assert self.model.locator is not None
            terms["regression"] = self.p.weight * mse_loss(self.model.locator(plain).float(), self.boxes[rows])
        return Losses(terms)


def common_boxes(maps: Tensor) -> Tensor:
    """Box what the images of one class have in common: deep descriptor transformation.

    All descriptors, less their mean, are projected onto their first principal component; the box is around the largest
    component of what is positive, and the whole image where nothing is. The component's sign is arbitrary: ours is the
    one whose positive part touches the border less, over the class (METHODS 6.4).

    Args:
        maps: (n, D, h, w) last maps of the n images of the class.

    Returns:
        (n, 4) float32 fractions.
    """
    descriptors = maps.double().movedim(1, 3)
    descriptors = descriptors - descriptors.mean((0, 1, 2))
    flat = descriptors.flatten(0, 2)
    last = flat.shape[1] - 1
    _, vectors = eigh((flat.T @ flat).numpy(), subset_by_index=[last, last])
    projected = descriptors @ torch.from_numpy(vectors[:, 0])
    if _on_border(projected > 0) > _on_border(projected < 0):
        projected = -projected
    return boxes_around(largest_component(projected > 0))[0]


def _on_border(mask: Tensor) -> int:
    """How many places at the border of (n, h, w) masks are true?"""
    return int(mask.sum() - mask[:, 1:-1, 1:-1].sum())
