"""Temporal Ensembling: predictions consistent with the running average of earlier predictions on the same image."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits, softmax_mse, target_probabilities
from fewlabels.methods.image_memory import ImageAverage
from fewlabels.methods.method import Batch, Losses, Method, Parameters, Problem, parameter
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class TemporalEnsemblingParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (smlaine2/tempens).

    The code's w_max is 30 n_l/N, with a cross-entropy that is summed over the labelled images and divided by the whole
    batch, of which n_l/N is labelled. Ours is the mean over the labelled images, so n_l/N cancels and 30 remains.
    """

    momentum: float = parameter(0.6, "alpha: momentum of each image's average prediction (Alg. 2)", least=0, below=1)
    weight: float = parameter(30.0, "w_max: weight of the consistency after the ramp", least=0)
    ramp: float = parameter(
        0.27, "share of the run over which the weight ramps up as a sigmoid (80 of 300 epochs)", least=0, most=1
    )
    mu: int = parameter(12, "images of the pool per labelled image in a batch (CIFAR-10: 50,000 to 4,000)", least=1)


def ensemble_loss(logits: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Return the squared distance of softmax(logits) to the targets, averaged over images and classes (Alg. 2).

    Args:
        logits: (B, C).
        targets: (B, C) average predictions.
        known: (B,) bool, whether an image has an average yet; others count 0.

    Returns:
        a scalar.
    """
    return (softmax_mse(logits, targets) * known).mean()


class TemporalEnsembling(Method):
    """Batch statistics are updated in the one pass over labelled and unlabelled images together.

    The paper updates all averages at the end of an epoch. Here the stream visits each image once per epoch and reads
    its average before updating it, which is equivalent. The first visit has no average yet and weight 0. Views that do
    not differ make the method weak (docs/papers/baselines.md, A9).
    """

    title = "Temporal Ensembling"
    paper = "Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017."
    idea = (
        "For every image a running average of its earlier predictions is kept, and the prediction on the current view "
        "is trained to match it. The average is less noisy than a single prediction and needs no second pass."
    )
    hyperparameters = TemporalEnsemblingParameters
    unlabelled_views = ("weak",)
    p: TemporalEnsemblingParameters

    def __init__(self, model: Classifier, parameters: TemporalEnsemblingParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.memory = ImageAverage(problem.num_images, problem.num_classes, parameters.momentum)

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + w(t) * squared distance to the average of earlier predictions (Alg. 2)."""
        (labelled,), (weak,), rows = batch.labelled.views, batch.unlabelled.views, batch.unlabelled.rows
        logits, weak_logits = joint_logits(self.model, labelled, weak)
        targets, known = self.memory.averages(rows), self.memory.visited(rows)
        self.memory.update(rows, target_probabilities(weak_logits))
        weight = self.p.weight * sigmoid_ramp(batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "consistency": weight * ensemble_loss(weak_logits, targets, known),
            },
            known,
        )
