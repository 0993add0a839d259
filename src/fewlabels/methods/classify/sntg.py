"""SNTG: features of images that are answered alike are drawn together, others pushed apart."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.classify.pi_model import agreement_loss
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.randomness import permutation


@dataclass(frozen=True)
class SNTGParameters(Parameters):
    """Defaults of the authors' code (xinmei9322/SNTG), on the Pi-Model of Laine and Aila.

    Its w_max is 100 n_l/N, beside a cross-entropy that is summed over the labelled images and divided by the whole
    batch, of which n_l/N is labelled. Ours is the mean over the labelled images, so n_l/N cancels: 100.
    """

    weight: float = parameter(100.0, "w_max: weight of the consistency after the ramp (config.py)", least=0)
    neighbours: float = parameter(0.4, "weight of the loss on features, as a share of w(t) (config.py)", least=0)
    margin: float = parameter(1.0, "m: distance that features of different classes are to keep (config.py)", least=0)
    ramp: float = parameter(
        0.27, "share of the run over which w(t) grows as a sigmoid (80 of 300 epochs)", least=0, most=1
    )
    mu: int = parameter(12, "images of the pool per labelled image in a batch (CIFAR-10: 50,000 to 4,000)", least=1)


def neighbour_loss(features: Tensor, classes: Tensor, margin: float = 1.0) -> Tensor:
    """Row i of the first half of the features (n, D) against row i of the second: a scalar (train_emb.py).

    d^2 is the mean over D of the squared differences. Pairs of the same class (n,) int64 count d^2, others
    max(margin - d, 0)^2. Of an odd n the last row is left out.
    """
    half = len(features) // 2
    rows = features.to(torch.promote_types(features.dtype, torch.float32))
    squared = (rows[:half] - rows[half : 2 * half]).square().mean(1)
    distance = squared.clamp_min(1e-12).sqrt()  # no infinite slope where two features are equal
    apart = (margin - distance).clamp_min(0).square()
    return torch.where(classes[:half] == classes[half : 2 * half], squared, apart).mean()


class SNTG(Method):
    """Batch statistics move in the one pass over the labelled images and both views of the others.

    The graph's pairs are the halves of the whole global batch in a random order, labelled and unlabelled images mixed
    as in the paper's batches: with labels where they are known, else with the answer on the second view.
    """

    title = "Pi+SNTG"
    paper = "Luo et al., Smooth Neighbors on Teacher Graphs for Semi-Supervised Learning, CVPR 2018."
    idea = (
        "As the Pi-Model, and pairs of images are compared: where their answers or labels agree, their features are "
        "drawn together, else pushed apart up to a margin."
    )
    hyperparameters = SNTGParameters
    unlabelled_views = ("weak", "weak")
    p: SNTGParameters

    def losses(self, batch: Batch) -> Losses:
        """Supervised loss + w(t) * (squared distance of the two answers + share * loss of the neighbours)."""
        (labelled,), (first, second), labels = batch.labelled.views, batch.unlabelled.views, batch.labelled.labels
        features = self.model.features(torch.cat([labelled, first, second]))
        parts = [len(labelled), len(first), len(second)]
        logits, first_logits, second_logits = self.model.networks()[0].head(features).split(parts)
        embedded = features.split(parts)
        every = torch.cat([gather(embedded[0]), gather(embedded[1])])
        classes = torch.cat([gather(labels), gather(second_logits.detach().argmax(1))])
        order = permutation(batch.draws.fork("pairs").key, len(every)).to(every.device, non_blocking=True)
        weight = self.p.weight * sigmoid_ramp(batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": cross_entropy(logits, labels),
                "consistency": weight * agreement_loss(first_logits, second_logits),
                "neighbours": weight * self.p.neighbours * neighbour_loss(every[order], classes[order], self.p.margin),
            }
        )
