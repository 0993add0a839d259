"""DNLL: two networks tell each other what an image is not."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import target_probabilities, weak_to_strong_logits
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Problem, parameter
from fewlabels.methods.negatives import (
    ErrorPerception,
    Reduction,
    check_count,
    draw_negatives,
    equal_weights,
    negative_loss,
    negatives_ramp,
)
from fewlabels.methods.ramps import shortened
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class DNLLParameters(Parameters):
    """Defaults: the paper's equations; where it says nothing, the authors' code of its Sec. 4.7.

    Table 6: ML is m 3; ``w/o EPM`` is selection ep; SL, where each network learns from itself alone, is cross_weight 0.
    Algorithm 1, which leaves the self term out, is self_weight 0.
    """

    m: int = parameter(1, "negative labels per image (Sec. 3.3.1; Table 5 finds 3 best, with epm, on CIFAR-10)")
    selection: Literal["epm", "ep"] = parameter(
        "epm", "negatives that the learner is prone to predict (Sec. 3.3.2), or all with equal probability"
    )
    weight: float = parameter(
        2.0,
        "lambda: weight of both negative losses after the ramp (not in the paper; its code for Sec. 4.7 has 2)",
        least=0,
    )
    cross_weight: float = parameter(1.0, "weight of the other network's negatives (Eq. 18); 0 is Table 6's SL", least=0)
    self_weight: float = parameter(1.0, "weight of a network's own negatives (Eq. 18); 0 is Algorithm 1", least=0)
    ramp: float = parameter(
        0.15,
        "share of the run over which lambda grows from a quarter (not in the paper; its code: 15 of 100 epochs)",
        least=0,
        most=1,
    )
    reduction: Reduction = parameter("sum", "over the m negatives of an image (Eq. 9: sum; the authors' code: mean)")
    momentum: float = parameter(
        0.999, "of the errors that epm counts (Sec. 3.3.2 says EMA, not how long: ours)", least=0, below=1
    )
    mu: int = parameter(
        1, "unlabelled images per labelled image in a batch (256 in all in Sec. 4.2; its code: 50 and 50)", least=1
    )

    def validate(self, num_classes: int) -> None:
        """There are m classes besides the predicted one."""
        check_count("m", self.m, 1, num_classes)


def summed_loss(logits: list[Tensor], negatives: list[Tensor], reduction: Reduction) -> Tensor:
    """Each network's mean negative loss over the images, logits (B, K) and negatives (B, m), added up."""
    each = [negative_loss(z, found, reduction).mean() for z, found in zip(logits, negatives, strict=True)]
    return torch.stack(each).sum()


class DNLL(Method):
    """Batch statistics of each network move twice: over the weak views, then over labelled and strong views.

    The weak views go through without gradient. The two losses share no weights, so one optimiser for their sum does
    what two would do (Eq. 20 and 21).
    """

    title = "DNLL"
    paper = "Xu et al., Semi-Supervised Learning with Pseudo-Negative Labels for Image Classification, 2023."
    idea = (
        "Two networks each draw, for every unlabelled image, a class that it is not in by their own prediction. Both "
        "learn to find these classes less likely: such labels are rarely wrong, so no prediction is left out."
    )
    hyperparameters = DNLLParameters
    labelled_views = ("weak", "weak")
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: DNLLParameters

    def __init__(self, model: Classifier, parameters: DNLLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        momentum = shortened(parameters.momentum, problem.steps)
        self.perceptions = nn.ModuleList(ErrorPerception(problem.num_classes, momentum) for _ in model.networks())

    @classmethod
    def network(cls, parameters: DNLLParameters) -> Network:
        """Two networks."""
        return Network(members=2)

    def selection_weights(self, logits: list[Tensor], labels: Tensor) -> list[Tensor]:
        """(K, K) for each network: weights of the negatives that it gives.

        They are those of the network that learns from them, the other one (Fig. 3, METHODS D2); its own where networks
        learn from themselves alone.
        """
        if self.p.selection == "ep":
            return [equal_weights(self.num_classes, labels.device)] * len(logits)
        weights = []
        for perception, own in zip(self.perceptions, logits, strict=True):
            assert isinstance(perception, ErrorPerception)
            perception.update(target_probabilities(own), labels)
            weights.append(perception.weights())
        return weights[::-1] if self.p.cross_weight else weights

    def losses(self, batch: Batch) -> Losses:
        """Supervised + lambda * (cross + self), of both networks (Eq. 14 to 21)."""
        labels, (weak, strong) = batch.labelled.labels, batch.unlabelled.views
        answers = [
            weak_to_strong_logits(network, labelled, weak, strong, "separate")
            for network, labelled in zip(self.model.networks(), batch.labelled.views, strict=True)
        ]
        logits, weak_logits, strong_logits = (list(view) for view in zip(*answers, strict=True))
        selected = zip(weak_logits, self.selection_weights(logits, labels), strict=True)
        negatives = [
            draw_negatives(answer.argmax(1), weights, self.p.m, batch.draws.fork(f"negatives {number}"))
            for number, (answer, weights) in enumerate(selected)
        ]
        weight = self.p.weight * negatives_ramp(batch.progress, self.p.ramp)
        cross = weight * self.p.cross_weight * summed_loss(strong_logits, negatives[::-1], self.p.reduction)
        own = weight * self.p.self_weight * summed_loss(strong_logits, negatives, self.p.reduction)
        return Losses(
            {
                "supervised": torch.stack([cross_entropy(answer, labels) for answer in logits]).sum(),
                "cross": cross,
                "self": own,
            },
            torch.ones_like(batch.unlabelled.rows, dtype=torch.bool),
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """All: there is no threshold."""
        return torch.ones_like(probabilities[:, 0], dtype=torch.bool)
