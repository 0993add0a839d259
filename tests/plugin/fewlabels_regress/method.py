"""Squared error on labelled images, and equal predictions for two views of unlabelled ones."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.methods.consistency import joint_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter


@dataclass(frozen=True)
class ConsistentRegressionParameters(Parameters):
    """Both values are our choice."""

    weight: float = parameter(0.1, "weight of the consistency", least=0)
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


class ConsistentRegression(Method):
    """Batch statistics move in the one pass over labelled and unlabelled images."""

    title = "Consistent regression"
    paper = "An example of a method in another package."
    idea = "The predictions for two views of an unlabelled image should agree. Labelled images teach the number."
    hyperparameters = ConsistentRegressionParameters
    unlabelled_views = ("weak", "strong")
    p: ConsistentRegressionParameters

    def losses(self, batch: Batch) -> Losses:
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        found, first, second = joint_logits(self.model, labelled, weak, strong)
        supervised = ((found[:, 0] - batch.labelled.labels) ** 2).mean()
        consistency = ((first.detach() - second) ** 2).mean()
        return Losses({"supervised": supervised, "consistency": self.p.weight * consistency})

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept every number: a regression has no confidence."""
        return torch.ones(len(probabilities), dtype=torch.bool, device=probabilities.device)
