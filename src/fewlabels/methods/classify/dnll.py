"""DNLL: two networks train each other with negative labels, classes that an image is not in."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import target_probabilities, weak_to_strong_logits
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, Problem, parameter
from fewlabels.methods.negatives import (
    ErrorPerception,
    NegativesReduction,
    check_count,
    draw_negatives,
    equal_weights,
    negative_loss,
    negatives_ramp,
)
from fewlabels.methods.ramps import shortened_momentum
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class DNLLParameters(Parameters):
    """Defaults: the paper's equations, and the authors' code of its Sec. 4.7 where the paper is silent.

    Table 6: ML is m 3; ``w/o EPM`` is selection ep; SL, where each network is trained by itself alone, is cross_weight
    0. Algorithm 1, which omits the self term, is self_weight 0 (docs/papers/dnll.md, D1).
    """

    m: int = parameter(1, "negative labels per image (Sec. 3.3.1; in Table 5 3 is best, with epm, on CIFAR-10)")
    selection: Literal["epm", "ep"] = parameter(
        "epm",
        "draw negatives by the learner's confusions (epm, Sec. 3.3.2), or all with equal probability (ep)",
    )
    weight: float = parameter(
        2.0,
        "lambda: weight of both negative losses after the ramp (not in the paper; 2 in its code for Sec. 4.7)",
        least=0,
    )
    cross_weight: float = parameter(1.0, "weight of the other network's negatives (Eq. 18); 0 is Table 6's SL", least=0)
    self_weight: float = parameter(1.0, "weight of a network's own negatives (Eq. 18); 0 is Algorithm 1", least=0)
    ramp: float = parameter(
        0.15,
        "share of the run over which lambda rises from a quarter (not in the paper; 15 of 100 epochs in its code, "
        "docs/papers/dnll.md, D18)",
        least=0,
        most=1,
    )
    reduction: NegativesReduction = parameter(
        "sum", "over the m negatives of an image (Eq. 9: sum; the authors' code: mean)"
    )
    momentum: float = parameter(
        0.999, "momentum of the errors that epm averages (Sec. 3.3.2 gives none: ours)", least=0, below=1
    )
    mu: int = parameter(
        1, "unlabelled images per labelled image in a batch (Sec. 4.2: a total of 256; its code: 50 and 50)", least=1
    )

    def validate(self, num_classes: int) -> None:
        """Check that there are m classes other than the predicted one."""
        check_count("m", self.m, 1, num_classes)


def summed_loss(logits: list[Tensor], negatives: list[Tensor], reduction: NegativesReduction) -> Tensor:
    """Sum each network's mean negative loss over the images; logits are (B, K), negatives (B, m) int64."""
    each = [negative_loss(z, found, reduction).mean() for z, found in zip(logits, negatives, strict=True)]
    return torch.stack(each).sum()


class DNLL(Method):
    """Batch statistics of each network are updated twice: by the weak views, then by labelled and strong views.

    The weak views pass without gradient. The two networks share no weights, so one optimiser over the sum of their
    losses equals two optimisers (Eq. 20 and 21).
    """

    title = "DNLL"
    paper = "Xu et al., Semi-Supervised Learning with Pseudo-Negative Labels for Image Classification, 2023."
    idea = (
        "For every unlabelled image, each of two networks draws classes other than the one it predicts, and both "
        "networks are trained to give these classes less probability. Such negative labels are rarely wrong, so no "
        "confidence threshold is needed."
    )
    notes = "docs/papers/dnll.md"
    hyperparameters = DNLLParameters
    labelled_views = ("weak", "weak")
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: DNLLParameters

    def __init__(self, model: Classifier, parameters: DNLLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        momentum = shortened_momentum(parameters.momentum, problem.steps)
        self.perceptions = nn.ModuleList(ErrorPerception(problem.num_classes, momentum) for _ in model.networks())

    @classmethod
    def network(cls, parameters: DNLLParameters) -> Network:
        """Ask for two networks."""
        return Network(members=2)

    def selection_weights(self, logits: list[Tensor], labels: Tensor) -> list[Tensor]:
        """Return for each network the weights (K, K) by which its negatives are drawn.

        They come from the errors of the network that is trained on these negatives: the other one (Fig. 3;
        docs/papers/dnll.md, D2), or the network itself if cross_weight is 0.

        Args:
            logits: (L, K) of each network for its labelled view.
            labels: (L,) int64.
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
        """Return supervised loss + lambda * (cross + self), summed over both networks (Eq. 14 to 21)."""
        labels, (weak, strong) = batch.labelled.labels, batch.unlabelled.views
        outputs = [
            weak_to_strong_logits(network, labelled, weak, strong, "separate")
            for network, labelled in zip(self.model.networks(), batch.labelled.views, strict=True)
        ]
        logits, weak_logits, strong_logits = (list(view) for view in zip(*outputs, strict=True))
        selected = zip(weak_logits, self.selection_weights(logits, labels), strict=True)
        negatives = [
            draw_negatives(own.argmax(1), weights, self.p.m, batch.draws.fork(f"negatives {number}"))
            for number, (own, weights) in enumerate(selected)
        ]
        weight = self.p.weight * negatives_ramp(batch.progress, self.p.ramp)
        cross_term = weight * self.p.cross_weight * summed_loss(strong_logits, negatives[::-1], self.p.reduction)
        self_term = weight * self.p.self_weight * summed_loss(strong_logits, negatives, self.p.reduction)
        return Losses(
            {
                "supervised": torch.stack([cross_entropy(own, labels) for own in logits]).sum(),
                "cross": cross_term,
                "self": self_term,
            },
            torch.ones_like(batch.unlabelled.rows, dtype=torch.bool),
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept all predictions, (N,) bool: the method has no threshold."""
        return torch.ones_like(probabilities[:, 0], dtype=torch.bool)
