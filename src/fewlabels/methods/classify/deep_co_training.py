"""Deep Co-Training: two networks that agree on the images, and that are robust to each other's adversarial examples."""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.adversarial import fast_gradient_sign
from fewlabels.methods.consistency import target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Network, Parameters, parameter
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.models.statistics import untracked_statistics


@dataclass(frozen=True)
class DeepCoTrainingParameters(Parameters):
    """Defaults of the paper's CIFAR-10 runs."""

    agreement: float = parameter(10.0, "lambda_cot: weight of the divergence between the networks", least=0)
    difference: float = parameter(
        0.5, "lambda_diff: weight of the loss on the other network's adversarial examples", least=0
    )
    eps: float = parameter(
        0.08,
        "change of each value, in standard deviations of the pixels: the paper's 0.02 of a range of 1, at CIFAR-10's "
        "deviation of 0.25",
        above=0,
    )
    ramp: float = parameter(
        0.133, "share of the run over which both weights ramp up (paper: 80 of 600 epochs)", least=0, most=1
    )
    mu: int = parameter(7, "unlabelled images per labelled image in a batch (paper: as in the whole data set)", least=1)


def jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Return the Jensen-Shannon divergence H((p + q) / 2) - (H(p) + H(q)) / 2 of two softmaxes.

    Args:
        first: (B, C) logits of p.
        second: (B, C) logits of q.

    Returns:
        (B,), float32 or wider, from 0 to log 2.
    """
    kind = torch.promote_types(first.dtype, torch.float32)
    log_p, log_q = (logits.to(kind).log_softmax(1) for logits in (first, second))
    log_m = torch.logaddexp(log_p, log_q) - log(2)
    return ((log_p.exp() * (log_p - log_m)).sum(1) + (log_q.exp() * (log_q - log_m)).sum(1)) / 2


class DeepCoTraining(Method):
    """Batch statistics of each network are updated in its pass over labelled and unlabelled images only.

    Adversarial examples leave them unchanged, and the targets on these examples have no gradient: only the network that
    is attacked is trained on them. Both networks see the same labelled images (docs/papers/baselines.md, A13).
    """

    title = "Deep Co-Training"
    paper = "Qiao et al., Deep Co-Training for Semi-Supervised Image Recognition, ECCV 2018."
    idea = (
        "Two networks are trained on the labels and on agreeing predictions for unlabelled images. To keep them "
        "different, each is also trained to be robust to the adversarial examples of the other."
    )
    hyperparameters = DeepCoTrainingParameters
    labelled_views = ("weak", "weak")
    unlabelled_views = ("weak",)
    p: DeepCoTrainingParameters

    @classmethod
    def network(cls, parameters: DeepCoTrainingParameters) -> Network:
        """Ask for two networks."""
        return Network(members=2)

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + lambda_cot * divergence + lambda_diff * loss on the other's adversarial examples."""
        labels, (weak,) = batch.labelled.labels, batch.unlabelled.views
        networks, cut = self.model.networks(), len(labels)
        images = [torch.cat([labelled, weak]) for labelled in batch.labelled.views]
        logits = [network(x) for network, x in zip(networks, images, strict=True)]
        examples = [
            fast_gradient_sign(network, x, torch.cat([labels, own[cut:].argmax(1)]), self.p.eps)
            for network, x, own in zip(networks, images, logits, strict=True)
        ]
        with untracked_statistics(self.model):
            attacked = [network(x) for network, x in zip(networks, reversed(examples), strict=True)]
        targets = [target_probabilities(other) for other in reversed(logits)]
        supervised = sum(cross_entropy(own[:cut], labels) for own in logits)
        difference = sum(cross_entropy(own.float(), q) for own, q in zip(attacked, targets, strict=True))
        agreement = jensen_shannon(logits[0][cut:], logits[1][cut:]).mean()
        ramp = sigmoid_ramp(batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": torch.as_tensor(supervised),
                "agreement": ramp * self.p.agreement * agreement,
                "difference": ramp * self.p.difference * torch.as_tensor(difference),
            }
        )
