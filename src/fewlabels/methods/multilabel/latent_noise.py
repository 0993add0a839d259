"""Latent noise: a model of which classes are seen, and of which of these the annotator marks."""

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

    weight: float = parameter(20.0, "weight of the cross-entropy, a mean over all marks", least=0)
    bias: float = parameter(
        -6.58,
        "initial bias of the visual classifier (a class on one image in 700; 0 suits frequent classes), q00 and q11",
    )
    noise_bias: float = parameter(-9.87, "initial bias of the noise's disagreements q01 and q10")


def noisy_log_probabilities(visual: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Return log h and log(1 - h), (B, K) each, with h the probability that a class is marked.

    h = q(1|0) (1 - v) + q(1|1) v, where q(y|z) is the probability of the mark y given whether the class is seen, z.

    Args:
        visual: (B, K) logits of v, the probability that the class is seen.
        noise: (B, K, 4) logits of q00, q01, q10 and q11; the first index is z, the second y. Their softmax is the joint
            distribution of z and y.
    """
    unseen, seen = logsigmoid(-visual), logsigmoid(visual)
    marked_unseen, marked_seen = noise[..., 1] - noise[..., 0], noise[..., 3] - noise[..., 2]
    given = torch.logaddexp(unseen + logsigmoid(marked_unseen), seen + logsigmoid(marked_seen))
    missing = torch.logaddexp(unseen + logsigmoid(-marked_unseen), seen + logsigmoid(-marked_seen))
    return given, missing


class LatentNoise(MultiLabelMethod):
    """Unknown marks are treated as absent, and the noise model explains them.

    Batch statistics are updated in the one pass. The noise model is a linear layer on the same features; only the
    visual classifier is saved and evaluated. If the initial bias makes a class far rarer than it is, the noise model
    may learn it in place of the visual classifier.
    """

    title = "Latent noise"
    paper = (
        "Misra et al., Seeing through the Human Reporting Bias: Visual Classifiers from Noisy Human-Centric Labels, "
        "CVPR 2016."
    )
    idea = (
        "Every unknown mark is treated as absent, but the model also learns how likely it is that a visible class is "
        "not marked on an image. The prediction is whether a class is visible."
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
        """Ask for a linear head, whose bias can be set as in the paper."""
        return Network(head="linear")

    def losses(self, batch: Batch) -> Losses:
        """Return weight * cross-entropy of h with the marks, where only known presences count as marked."""
        features = self.model.features(batch.labelled.views[0])
        visual, noise = wide(self.model.networks()[0].head(features)), wide(self.noise(features)).unflatten(1, (-1, 4))
        given, missing = noisy_log_probabilities(visual, noise)
        present = batch.labelled.labels == 1
        return Losses({"supervised": -self.p.weight * torch.where(present, given, missing).mean()})
