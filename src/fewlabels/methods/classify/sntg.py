"""SNTG: features of images with the same predicted class are pulled together, others pushed apart."""

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

    The code's w_max is 100 n_l/N, with a cross-entropy that is summed over the labelled images and divided by the whole
    batch, of which n_l/N is labelled. Ours is the mean over the labelled images, so n_l/N cancels and 100 remains.
    """

    weight: float = parameter(100.0, "w_max: weight of the consistency after the ramp (config.py)", least=0)
    neighbours: float = parameter(0.4, "weight of the loss on features, as a share of w(t) (config.py)", least=0)
    margin: float = parameter(1.0, "m: smallest distance between features of different classes (config.py)", least=0)
    ramp: float = parameter(
        0.27, "share of the run over which w(t) ramps up as a sigmoid (80 of 300 epochs)", least=0, most=1
    )
    mu: int = parameter(12, "images of the pool per labelled image in a batch (CIFAR-10: 50,000 to 4,000)", least=1)


def neighbour_loss(features: Tensor, classes: Tensor, margin: float = 1.0) -> Tensor:
    """Return the contrastive loss of row i of the first half of the features with row i of the second (train_emb.py).

    A pair of the same class counts d^2, any other max(margin - d, 0)^2; d^2 is the mean over D of the squared
    differences. The last row of an odd n is left out.

    Args:
        features: (n, D), n at least 2.
        classes: (n,) int64 labels or predicted classes.
        margin: m, 0 or more.

    Returns:
        a scalar, the mean over the pairs.
    """
    half = len(features) // 2
    rows = features.to(torch.promote_types(features.dtype, torch.float32))
    squared = (rows[:half] - rows[half : 2 * half]).square().mean(1)
    distance = squared.clamp_min(1e-12).sqrt()  # avoids an infinite gradient if two features are equal
    apart = (margin - distance).clamp_min(0).square()
    return torch.where(classes[:half] == classes[half : 2 * half], squared, apart).mean()


class SNTG(Method):
    """Batch statistics are updated in the one pass over the labelled images and both views of the unlabelled ones.

    The pairs are the two halves of the global batch in a random order, with labelled and unlabelled images mixed as in
    the paper's batches. The class of an image is its label if known, else the prediction on its second view.
    """

    title = "Pi+SNTG"
    paper = "Luo et al., Smooth Neighbors on Teacher Graphs for Semi-Supervised Learning, CVPR 2018."
    idea = (
        "Extends the Pi-Model by a contrastive loss on pairs of images. Features of images with the same label or "
        "prediction are pulled together, those of others are pushed apart up to a margin."
    )
    hyperparameters = SNTGParameters
    unlabelled_views = ("weak", "weak")
    p: SNTGParameters

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + w(t) * (squared difference of two predictions + neighbours * loss on features)."""
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
