"""ADL: an attention-based dropout layer after each of the last stages, in training only."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.attention_dropout import attention_dropout
from fewlabels.methods.localizing import MapMethod, MapParameters
from fewlabels.methods.method import Batch, Problem, parameter
from fewlabels.models.localizer import Localizer
from fewlabels.models.stages import at_stages, last_stages
from fewlabels.randomness import Draws

LAYERS = 2
"""Ours for any backbone; wsolevaluation names three places for each of VGG, ResNet-50 and Inception."""


@dataclass(frozen=True)
class ADLParameters(MapParameters):
    """Defaults of wsolevaluation."""

    drop: float = parameter(0.75, "probability that a layer hides; else it weighs by importance", least=0, most=1)
    gamma: float = parameter(
        0.9, "gamma: hidden is what reaches this share of the largest attention of its image", above=0, most=1
    )


class ADL(MapMethod):
    """After each of the backbone's last two stages (METHODS 6.4, our choice for any net) a layer chooses once a batch.

    Every process chooses alike. The layers have no weights and are there during the training pass alone, so that the
    saved model is a plain classifier. Batch statistics move in that pass.
    """

    title = "ADL"
    paper = "Choe and Shim, Attention-based Dropout Layer for Weakly Supervised Object Localization, CVPR 2019."
    idea = (
        "In training, the places where a layer's features are strongest are hidden in most batches, so that the others "
        "have to tell the class as well; in the remaining batches the strong places weigh more. The box is that of CAM."
    )
    hyperparameters = ADLParameters
    frozen_trunk = "pixels"
    model: Localizer
    p: ADLParameters

    def __init__(self, model: Localizer, parameters: ADLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.stages = last_stages(model.networks()[0].backbone, LAYERS)

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Cross-entropy of a pass with the layers."""
        drop = self.choices(batch.draws)

        def change(number: int, features: Tensor) -> Tensor:
            return attention_dropout(features, drop[number], self.p.gamma)

        with at_stages(self.model.networks()[0].backbone, self.stages, change):
            return cross_entropy(self.model(x), labels)

    def choices(self, draws: Draws) -> list[bool]:
        """For each layer: does it hide in this step? Drawn for the step and not for a slot."""
        once = Draws(draws.fork("attention dropout").key, torch.zeros(1, dtype=torch.int64))
        return (once.uniform(LAYERS)[0] < self.p.drop).tolist()
