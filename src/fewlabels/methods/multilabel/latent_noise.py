"""Latent noise: whether a class is seen, and whether whoever marked the image then says so."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from fewlabels.methods.marks import wide
from fewlabels.methods.method import Batch, Losses, Network, Parameters, Problem, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class LatentNoiseParameters(Parameters):
    """Defaults of the authors' code (imisra/latent-noise-icnm)."""

    weight: float = parameter(20.0, "of the cross-entropy, the mean over all marks", least=0)
    bias: float = parameter(
        -6.58,
        "first bias of the visual classifier (a class on one image in 700; 0 suits frequent ones) and of q00 and q11",
    )
    noise_bias: float = parameter(-9.87, "first bias of the noise's disagreements q01 and q10")


def noisy_log_probabilities(visual: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """log h and log (1 - h), (B, K) each: h = q(1|0) (1 - v) + q(1|1) v, the probability that a mark is given.

    Args:
        visual: (B, K) logits of v, the probability that the class is seen.
        noise: (B, K, 4) logits q00, q01, q10, q11, first whether it is seen, then whether it is marked. Their softmax
            is the joint distribution; q(y|z) is what it says of the mark y once z is known.
    """
    unseen, seen = logsigmoid(-visual), logsigmoid(visual)
    marked_unseen, marked_seen = noise[..., 1] - noise[..., 0], noise[..., 3] - noise[..., 2]
    given = torch.logaddexp(unseen + logsigmoid(marked_unseen), seen + logsigmoid(marked_seen))
    missing = torch.logaddexp(unseen + logsigmoid(-marked_unseen), seen + logsigmoid(-marked_seen))
    return given, missing


class LatentNoise(MultiLabelMethod):
    """Unknown marks are taken for absences, and the noise explains them. Batch statistics move in the one pass.

    The noise is a linear layer on the same features; only the visual classifier is kept, and its answer is evaluated.
    A class that the first bias calls far rarer than it is, the noise may learn in the visual classifier's place.
    """

    title = "Latent noise"
    paper = (
        "Misra et al., Seeing through the Human Reporting Bias: Visual Classifiers from Noisy Human-Centric Labels, "
        "CVPR 2016."
    )
    idea = (
        "Every unknown mark is taken for an absence, but the model learns, besides what is seen, how likely a class "
        "that is seen goes unmentioned on such an image. What is seen is the answer."
    )
    hyperparameters = LatentNoiseParameters
    needs_absent = False
    p: LatentNoiseParameters

    def __init__(self, model: Classifier, parameters: LatentNoiseParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.noise = nn.Linear(model.num_features, 4 * problem.num_classes)
        head = model.networks()[0].head
        assert isinstance(head, nn.Linear)
        with torch.no_grad():
            head.bias.fill_(parameters.bias)
            agree, disagree = parameters.bias, parameters.noise_bias
            self.noise.bias.copy_(torch.tensor([agree, disagree, disagree, agree]).repeat(problem.num_classes))

    @classmethod
    def network(cls, parameters: LatentNoiseParameters) -> Network:
        """A linear head, whose bias can begin where the paper's does."""
        return Network(head="linear")

    def losses(self, batch: Batch) -> Losses:
        """The cross-entropy of h with what is marked as present."""
        features = self.model.features(batch.labelled.views[0])
        visual, noise = wide(self.model.networks()[0].head(features)), wide(self.noise(features)).unflatten(1, (-1, 4))
        given, missing = noisy_log_probabilities(visual, noise)
        present = batch.labelled.labels == 1
        return Losses({"supervised": -self.p.weight * torch.where(present, given, missing).mean()})
