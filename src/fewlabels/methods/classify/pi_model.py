"""Pi-Model: two random views of an image are to be answered alike."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import softmax_mse, weak_to_strong_logits
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.methods.ramps import linear_ramp, sigmoid_ramp

RAMPS = {"linear": linear_ramp, "sigmoid": sigmoid_ramp}


@dataclass(frozen=True)
class PiModelParameters(Parameters):
    """Defaults of the runs that PEPL's table cites (USB's code); Laine and Aila's own are said beside them.

    Their w_max is 100 n_l/N, beside a cross-entropy that is summed over the labelled images and divided by the whole
    batch, of which n_l/N is labelled. Ours is the mean over the labelled images, so n_l/N cancels: 100.
    """

    weight: float = parameter(10.0, "w: weight of the consistency after the ramp (Laine and Aila: 100)", least=0)
    ramp: float = parameter(
        0.4, "share of the run over which the weight grows (Laine and Aila: 80 of 300 epochs, 0.27)", least=0, most=1
    )
    ramp_shape: Literal["linear", "sigmoid"] = parameter("linear", "how it grows (Laine and Aila: sigmoid)")
    learns: Literal["strong", "both"] = parameter(
        "strong", "which views learn from each other (Laine and Aila: both, of the same kind: add --strong weak)"
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


def agreement_loss(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Mean over images and classes of the squared difference of two softmaxes of logits (B, C) (Alg. 1).

    Both learn, each half of it, unless one comes without gradient; then that one is the target.
    """
    return softmax_mse(logits, other_logits.float().softmax(1)).mean()


class PiModel(Method):
    """Batch statistics move twice: in the pass over the weak views, then in that over labelled and strong views.

    Where both views learn, all go through in one pass, which moves them once.
    """

    title = "Pi-Model"
    paper = "Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017."
    idea = (
        "Two random views of the same image, one weak and one strong, go through the network, and their class "
        "probabilities are drawn together. The weight of this grows during the run; no prediction is left out."
    )
    hyperparameters = PiModelParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: PiModelParameters

    def losses(self, batch: Batch) -> Losses:
        """Supervised loss + w(t) * squared distance of the two answers (Alg. 1)."""
        (labelled,), (weak, strong) = batch.labelled.views, batch.unlabelled.views
        logits, weak_logits, strong_logits = weak_to_strong_logits(
            self.model, labelled, weak, strong, "joint" if self.p.learns == "both" else "separate"
        )
        weight = self.p.weight * RAMPS[self.p.ramp_shape](batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "consistency": weight * agreement_loss(strong_logits, weak_logits),
            }
        )
