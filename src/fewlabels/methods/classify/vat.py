"""VAT: predictions that are stable under the small perturbation that changes them most."""

from dataclasses import dataclass
from math import sqrt
from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.adversarial import virtual_adversarial_direction
from fewlabels.methods.consistency import kl_divergence, target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics
from fewlabels.randomness import Draws

CIFAR_VALUES = 3 * 32 * 32
"""Number of values of the images for which the papers state lengths."""


@dataclass(frozen=True)
class VATParameters(Parameters):
    """Defaults of the student report (Sec. 2.4), which a log confirms for CIFAR-10 with 4000 labels only.

    See docs/papers/student-report.md, S11 to S13. Miyato et al. have xi 1e-6, eps 8 with augmentation and 10 without,
    one iteration and mu 4. Lengths are l2 norms of the whole perturbation in normalised pixels for 3 x 32 x 32 values;
    at other sizes they are scaled so that the change per value is the same.
    """

    xi: float = parameter(
        10.0,
        "length of the step that finds the direction (Miyato 1e-6: fp32 rounds off below 1e-4, bf16 below 0.1)",
        above=0,
    )
    eps: float = parameter(
        10.0,
        "length of the perturbation of 3 x 32 x 32 values, 0.18 each; scaled to other sizes (Miyato 8, 10)",
        above=0,
    )
    iterations: int = parameter(5, "number of power iterations (Miyato 1)", least=1)
    direction: Literal["adversarial", "random"] = parameter(
        "adversarial", "the adversarial direction, or a random one of the same length, for comparison"
    )
    weight: float = parameter(1.0, "alpha: weight of the unlabelled loss", least=0)
    entropy: float = parameter(
        0.0, "weight of the mean entropy of the predictions on perturbed images (report: use_entmin)", least=0
    )
    warmup: float = parameter(
        0.117, "share of the run on the labels alone (report: 35 of 300 epochs)", least=0, below=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


def perturbed(model: Classifier, x: Tensor, targets: Tensor, parameters: VATParameters, draws: Draws) -> Tensor:
    """Move x in the direction in which the predictions depart from the targets.

    Args:
        model: in training mode it normalises by this batch; running statistics are not updated.
        x: (B, C, H, W) normalised images, or (B, D) features of a frozen trunk.
        targets: (B, C) predicted probabilities at x.
        parameters: direction, length and iterations.
        draws: B slots, for the start of the power method.

    Returns:
        the perturbed x, of the same shape and dtype.
    """
    scale = sqrt(x[0].numel() / CIFAR_VALUES)
    here = Draws(draws.key, draws.slots.to(x.device))
    start = here.fork("direction").normal(x[0].numel()).to(x.dtype).reshape(x.shape)
    iterations = parameters.iterations if parameters.direction == "adversarial" else 0
    direction = virtual_adversarial_direction(model, x, targets, scale * parameters.xi, iterations, start)
    return x + scale * parameters.eps * direction


def entropy(logits: Tensor) -> Tensor:
    """Return the entropy of softmax(logits) for logits (B, C), (B,) float32 in nats, from 0 to log C."""
    log_p = logits.float().log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


class VAT(Method):
    """Batch statistics are updated in the labelled pass only, not by perturbed images.

    See docs/papers/student-report.md, S15. If the trunk is frozen, its features are perturbed, with lengths scaled by
    their number (docs/papers/student-report.md, A14).
    """

    title = "Virtual adversarial training"
    paper = (
        "Miyato et al., Virtual Adversarial Training: A Regularization Method for Supervised and Semi-Supervised "
        "Learning, TPAMI 2018; settings of Alshami and Arya, Semi-supervised Image Classification, student report."
    )
    idea = (
        "For each unlabelled image the small perturbation that changes the prediction most is computed, and the "
        "prediction on the perturbed image is trained to match that on the image itself. This moves the decision "
        "boundaries away from the data."
    )
    notes = "docs/papers/student-report.md"
    hyperparameters = VATParameters
    unlabelled_views = ("weak",)
    p: VATParameters

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + alpha * KL(p(x) || p(x + r)) + entropy * H(p(x + r)).

        During the warm-up only the supervised loss is above 0.
        """
        (labelled,), (weak,) = batch.labelled.views, batch.unlabelled.views
        supervised = cross_entropy(self.model(labelled), batch.labelled.labels)
        divergence = mean_entropy = torch.zeros_like(supervised)
        if batch.progress >= self.p.warmup:
            divergence, mean_entropy = self.smoothness(weak, batch.draws)
        terms = {"supervised": supervised, "unlabelled": self.p.weight * divergence}
        return Losses(terms | {"entropy": self.p.entropy * mean_entropy} if self.p.entropy else terms)

    def smoothness(self, x: Tensor, draws: Draws) -> tuple[Tensor, Tensor]:
        """Return the mean divergence of predictions at the perturbed x (B, ...) from those at x, and their entropy."""
        with untracked_statistics(self.model):
            with torch.no_grad():
                targets = target_probabilities(self.model(x))
            logits = self.model(perturbed(self.model, x, targets, self.p, draws))
        return kl_divergence(targets, logits).mean(), entropy(logits).mean()

    def perturbed(self, model: Classifier, x: Tensor, draws: Draws) -> Tensor:
        """Return x (B, C, H, W) as :func:`perturbed` changes it for this model."""
        with torch.no_grad():
            targets = target_probabilities(model(x))
        return perturbed(model, x, targets, self.p, draws)
