"""PSOL: boxes from the common features of a class, and a separate network that learns them."""

from dataclasses import dataclass
from typing import Literal

import torch
from scipy.linalg import eigh
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from fewlabels.errors import UserError
from fewlabels.methods.given_boxes import GivenBoxesParameters
from fewlabels.methods.localizing import LocalizingMethod
from fewlabels.methods.method import Batch, Losses, Network, Pool, Problem, parameter
from fewlabels.models.localizer import Localizer
from fewlabels.models.maps.box_rule import BoxRule
from fewlabels.models.maps.regions import boxes_around, largest_component


@dataclass(frozen=True)
class PSOLParameters(GivenBoxesParameters):
    """Defaults of the authors' code (tzzcl/PSOL)."""

    weight: float = parameter(50.0, "lambda: weight of the box loss (authors' code)", least=0)
    features: Literal["initial", "trained"] = parameter(
        "initial",
        "features that the boxes come from: those of the pretrained network (the paper), or, without pretrained "
        "weights, those of the classifier after half of the run, with the boxes learned in the second half",
    )

    def validate(self, num_classes: int) -> None:
        """Check that the boxes have one source.

        Raises:
            UserError: if they have two.
        """
        if self.given and self.features == "trained":
            raise UserError("--method.features trained is for PSOL's own boxes; leave it or --method.generator out")


class PSOL(LocalizingMethod):
    """A classifier, and a separate network that regresses the boxes found by deep descriptor transformation.

    Boxes are x0, y0, x1, y1; the paper's are a corner and two sides. They belong to the images without augmentation,
    so the second network sees these and the classifier weak views. With ``--method.generator`` they come from another
    run, and none are computed. Batch statistics of each network are updated in its one pass. See
    docs/papers/baselines.md, psol.
    """

    title = "PSOL"
    paper = "Zhang, Cao and Wu, Rethinking the Route Towards Weakly Supervised Object Localization, CVPR 2020."
    idea = (
        "The first principal component of a class's features, over all of its images, is positive where the objects "
        "are. A separate network is trained to predict boxes around these regions, for all classes alike."
    )
    hyperparameters = PSOLParameters
    labelled_views = ("weak", "identity")
    has_unused_parameters = True
    # the second network has no momentum when it starts, and torch expects momentum for all weights or for none
    reset_each_round = "optimiser"
    model: Localizer
    p: PSOLParameters
    boxes: Tensor
    """(N, 4), the box of each row of the data set, as fractions. The whole image for rows without a label, unless the
    boxes come from another run."""

    def __init__(self, model: Localizer, parameters: PSOLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        assert parameters.given == (problem.boxes is not None)
        whole = torch.tensor([0.0, 0, 1, 1]).repeat(problem.num_images, 1)
        self.register_buffer("boxes", whole if problem.boxes is None else problem.boxes)

    @classmethod
    def network(cls, parameters: PSOLParameters) -> Network:
        """Ask for a second network for the boxes."""
        return Network(boxes=BoxRule("network"), fine_map=True)

    @property
    def rounds(self) -> int:
        """Two with trained features, the first for the classifier alone; else one."""
        return 1 if self.p.features == "initial" else 2

    def start_round(self, number: int, pool: Pool) -> None:
        """Find the boxes of each class, unless they are given, before the round in which they are learned."""
        if self.p.given or number + 1 < self.rounds:
            return
        for k in range(self.num_classes):
            rows = pool.labelled_rows[pool.labels == k]
            if len(rows):
                self.boxes[rows.to(self.boxes.device)] = common_boxes(pool.maps(pool.averaged, rows)).to(self.boxes)

    def losses(self, batch: Batch) -> Losses:
        """Return the cross-entropy and lambda * squared difference of the boxes."""
        (x, plain), labels, rows = batch.labelled.views, batch.labelled.labels, batch.labelled.rows
        terms = {"classification": cross_entropy(self.model.classifier(x), labels)}
        if batch.round + 1 == self.rounds:
            assert self.model.locator is not None
            terms["regression"] = self.p.weight * mse_loss(self.model.locator(plain).float(), self.boxes[rows])
        return Losses(terms)


def common_boxes(maps: Tensor) -> Tensor:
    """Find boxes around the common object of the images of one class, by deep descriptor transformation.

    All descriptors, minus their mean, are projected onto their first principal component. The box encloses the largest
    connected component of the positive values; it is the whole image if there are none. The sign of a principal
    component is arbitrary: we choose the one with fewer positive places at the borders of all images of the class
    (docs/papers/baselines.md, psol).

    Args:
        maps: (n, D, h, w) last maps of the n images of the class.

    Returns:
        (n, 4) float32, as fractions of the image.
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
    """Count the true places at the borders of masks (n, h, w)."""
    return int(mask.sum() - mask[:, 1:-1, 1:-1].sum())
