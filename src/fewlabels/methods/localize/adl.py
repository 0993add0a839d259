"""ADL: attention-based dropout layers after the last stages, in training only."""

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
"""Number of dropout layers: ours, for any backbone; wsolevaluation has three for each of its networks."""


@dataclass(frozen=True)
class ADLParameters(MapParameters):
    """Defaults of wsolevaluation."""

    drop: float = parameter(
        0.75, "probability that a layer hides features; else it weights them by importance", least=0, most=1
    )
    gamma: float = parameter(
        0.9, "gamma: places with at least this share of the image's largest attention are hidden", above=0, most=1
    )


class ADL(MapMethod):
    """A dropout layer follows each of the backbone's last two stages; this is our choice for any backbone.

    A layer hides or weights features, chosen once per batch and equally in all processes. The layers have no weights
    and are active in the training pass only, so the saved model is a plain classifier. Batch statistics are updated in
    that pass. See docs/papers/baselines.md, adl.
    """

    title = "ADL"
    paper = "Choe and Shim, Attention-based Dropout Layer for Weakly Supervised Object Localization, CVPR 2019."
    idea = (
        "In most training batches the places where the features of a layer are strongest are hidden, so that the "
        "class must be recognised by other places; in the remaining batches strong places weigh more. The box comes "
        "from the CAM."
    )
    hyperparameters = ADLParameters
    frozen_trunk = "pixels"
    model: Localizer
    p: ADLParameters

    def __init__(self, model: Localizer, parameters: ADLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.stages = last_stages(model.networks()[0].backbone, LAYERS)

    def loss(self, x: Tensor, labels: Tensor, batch: Batch) -> Tensor:
        """Return the cross-entropy of a pass with the dropout layers."""
        drop = self.choices(batch.draws)

        def change(number: int, features: Tensor) -> Tensor:
            return attention_dropout(features, drop[number], self.p.gamma)

        with at_stages(self.model.networks()[0].backbone, self.stages, change):
            return cross_entropy(self.model(x), labels)

    def choices(self, draws: Draws) -> list[bool]:
        """Draw for each layer whether it hides features in this step; drawn for the step, not for a slot."""
        once = Draws(draws.fork("attention dropout").key, torch.zeros(1, dtype=torch.int64))
        return (once.uniform(LAYERS)[0] < self.p.drop).tolist()
