"""FlexMatch: FixMatch with one threshold per class, lower for classes with few learned images."""

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
        0.95, "tau: confidence from which an image counts as learned; upper limit of all thresholds", least=0, most=1
    )
    warmup: bool | None = parameter(
        None,
        "keep thresholds low while unlearned images outnumber every class (default: only with fewer than 20 classes "
        "and at least 20 passes over the pool, because else it never ends; docs/papers/baselines.md, A10)",
    )
    weight: float = parameter(1.0, "lambda: weight of the unlabelled loss", least=0)
    passes: Passes = parameter("separate", "pass weak views alone and without gradient, or all views jointly (`joint`)")
    mu: int = parameter(7, "unlabelled images per labelled image in a batch", least=1)


class FlexMatch(Method):
    """Batch statistics are updated twice: by the weak views, then by labelled and strong views."""

    title = "FlexMatch"
    paper = "Zhang et al., FlexMatch: Boosting Semi-Supervised Learning with Curriculum Pseudo Labeling, NeurIPS 2021."
    idea = (
        "FixMatch with one threshold per class: the fewer images were confidently predicted as a class, the lower its "
        "threshold. At the start all pseudo-labels are used."
    )
    hyperparameters = FlexMatchParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: FlexMatchParameters

    def __init__(self, model: Classifier, parameters: FlexMatchParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.thresholds = CurriculumThresholds(
            problem.num_images, problem.num_classes, parameters.threshold, warms_up(parameters.warmup, problem)
        )

    def start_round(self, number: int, pool: Pool) -> None:
        """Set the number of images to learn."""
        self.thresholds.begin(len(pool.rows))

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + lambda * unlabelled loss, the latter with the threshold of the predicted class."""
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
        """Accept predictions with at least the current threshold of their class, (N,) bool."""
        return self.thresholds.keep(probabilities)


def warms_up(given: bool | None, problem: Problem) -> bool:
    """Return whether thresholds have a warm-up: as given, else where it would end (docs/papers/baselines.md, A10)."""
    return problem.num_classes < 20 and problem.epochs >= 20 if given is None else given
