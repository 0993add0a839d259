"""FlexMatch: FixMatch with a threshold per class, lower where little of the class was learned."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import (
    Passes,
    pseudo_label_loss,
    target_probabilities,
    weak_to_strong_logits,
)
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Pool, Problem, parameter
from fewlabels.methods.thresholds import CurriculumThresholds
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class FlexMatchParameters(Parameters):
    """Defaults of the paper's CIFAR-10 runs (USB's configuration)."""

    threshold: float = parameter(
        0.95, "tau: confidence that counts as learned, and the highest threshold of a class", least=0, most=1
    )
    warmup: bool = parameter(
        True,
        "thresholds stay low while more images are not learned than learned of any class; never ends in short runs",
    )
    weight: float = parameter(1.0, "lambda: weight of the unlabelled loss", least=0)
    passes: Passes = parameter("separate", "weak views through the network without gradient, or `joint` with the rest")
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class FlexMatch(Method):
    """Batch statistics move twice: in the pass over the weak views, then in that over labelled and strong views."""

    title = "FlexMatch"
    paper = "Zhang et al., FlexMatch: Boosting Semi-Supervised Learning with Curriculum Pseudo Labeling, NeurIPS 2021."
    idea = (
        "As FixMatch, but each class has its own threshold: the fewer images were ever confidently predicted as a "
        "class, the lower the confidence from which its pseudo-labels count. At the start all of them do."
    )
    hyperparameters = FlexMatchParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: FlexMatchParameters

    def __init__(self, model: Classifier, parameters: FlexMatchParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.thresholds = CurriculumThresholds(
            problem.num_images, problem.num_classes, parameters.threshold, parameters.warmup
        )

    def start_round(self, number: int, pool: Pool) -> None:
        """Count the images that are to be learned."""
        self.thresholds.begin(len(pool.rows))

    def losses(self, batch: Batch) -> Losses:
        """Supervised loss + lambda * unlabelled loss, kept from the threshold of the predicted class on."""
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        logits, weak_logits, strong_logits = weak_to_strong_logits(self.model, labelled, weak, strong, self.p.passes)
        q = target_probabilities(weak_logits)
        kept = self.thresholds.keep(q)
        self.thresholds.update(batch.unlabelled.rows, q)
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "unlabelled": self.p.weight * pseudo_label_loss(strong_logits, q.argmax(1), kept),
            },
            kept,
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Trusted from the threshold of the class on, as the run left it."""
        return self.thresholds.keep(probabilities)
