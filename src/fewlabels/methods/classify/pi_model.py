"""Pi-Model: consistent predictions on two random views of an image."""

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
    """Defaults of the runs that PEPL's table cites (USB's code); the help gives those of Laine and Aila as well.

    Their w_max is 100 n_l/N, with a cross-entropy that is summed over the labelled images and divided by the whole
    batch, of which n_l/N is labelled. Ours is the mean over the labelled images, so n_l/N cancels and 100 remains.
    """

    weight: float = parameter(10.0, "w: weight of the consistency after the ramp (Laine and Aila: 100)", least=0)
    ramp: float = parameter(
        0.4, "share of the run over which the weight ramps up (Laine and Aila: 80 of 300 epochs, 0.27)", least=0, most=1
    )
    ramp_shape: Literal["linear", "sigmoid"] = parameter("linear", "shape of the ramp (Laine and Aila: sigmoid)")
    learns: Literal["strong", "both"] = parameter(
        "strong", "which views are trained (Laine and Aila: both, of the same kind: add --strong weak)"
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


def agreement_loss(logits: Tensor, other_logits: Tensor) -> Tensor:
    """Return the squared difference of two softmaxes, averaged over images and classes (Alg. 1).

    The gradient flows through both, unless one of them has none; then that one is the target.

    Args:
        logits: (B, C).
        other_logits: (B, C).

    Returns:
        a scalar, float32.
    """
    return softmax_mse(logits, other_logits.float().softmax(1)).mean()


class PiModel(Method):
    """Batch statistics are updated twice: by the weak views, then by labelled and strong views.

    If both views are trained, all views pass together and the statistics are updated once.
    """

    title = "Pi-Model"
    paper = "Laine and Aila, Temporal Ensembling for Semi-Supervised Learning, ICLR 2017."
    idea = (
        "The class probabilities of a weak and a strong view of the same image are trained to be equal, by their "
        "squared difference. Its weight ramps up during the run, and all images are used."
    )
    hyperparameters = PiModelParameters
    unlabelled_views = ("weak", "strong")
    statistics_passes = 2
    p: PiModelParameters

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + w(t) * squared difference of the two predictions (Alg. 1)."""
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
