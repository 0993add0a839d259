"""FixMatch: the confident prediction on the weak view is the pseudo-label of the strong view."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.alignment import DistributionAlignment
from fewlabels.methods.consistency import (
    Passes,
    pseudo_label_loss,
    target_probabilities,
    weak_to_strong_logits,
)
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.ramps import shortened_momentum
from fewlabels.methods.thresholds import above
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class FixMatchParameters(Parameters):
    """Defaults of the paper's CIFAR-10 runs (Table 4 of its appendix)."""

    threshold: float = parameter(0.95, "tau: confidence from which a pseudo-label is used (Sec. 2.2)", least=0, most=1)
    weight: float = parameter(1.0, "lambda_u: weight of the unlabelled loss (Sec. 2.2)", least=0)
    align: bool = parameter(False, "distribution alignment before the threshold (ReMixMatch; FixMatch Sec. 2.5)")
    passes: Passes = parameter("separate", "pass weak views alone and without gradient, or all views jointly (`joint`)")
    mu: int = parameter(7, "unlabelled images per labelled image in a batch (Sec. 4)", least=1)


class FixMatch(Method):
    """Batch statistics are updated twice: by the weak views, then by labelled and strong views."""

    title = "FixMatch"
    paper = "Sohn et al., FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence, NeurIPS 2020."
    idea = (
        "A confident prediction on a weakly augmented image becomes the label of the same image under strong "
        "augmentation. Predictions below the threshold are ignored, so that more images are used as the model improves."
    )
    hyperparameters = FixMatchParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: FixMatchParameters

    def __init__(self, model: Classifier, parameters: FixMatchParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.alignment = DistributionAlignment(problem.num_classes, shortened_momentum(0.999, problem.steps))

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + lambda_u * unlabelled loss (Sec. 2.2, Eq. 3 and 4)."""
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        logits, weak_logits, strong_logits = weak_to_strong_logits(self.model, labelled, weak, strong, self.p.passes)
        q = target_probabilities(weak_logits)
        if self.p.align:
            q = self.alignment(q, batch.labelled.labels)
        kept = above(q, self.p.threshold)
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "unlabelled": self.p.weight * pseudo_label_loss(strong_logits, q.argmax(1), kept),
            },
            kept,
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions with a confidence of at least the threshold, (N,) bool."""
        return above(probabilities, self.p.threshold)
