"""Pseudo-Label: the model's own confident prediction on an image is the image's label."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from fewlabels.methods.consistency import joint_logits, pseudo_label_loss, target_probabilities
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.methods.ramps import linear_ramp
from fewlabels.methods.thresholds import above


@dataclass(frozen=True)
class PseudoLabelParameters(Parameters):
    """Defaults of the runs that PEPL's table cites (USB's code); Lee has threshold 0 and weight 3."""

    threshold: float = parameter(
        0.95, "confidence from which a pseudo-label is used (Lee has none: 0)", least=0, most=1
    )
    weight: float = parameter(1.0, "alpha_f: weight of the unlabelled loss after the ramp (Lee, Eq. 16: 3)", least=0)
    ramp: float = parameter(
        0.4, "share of the run over which the weight ramps up linearly from 0 (Lee, Eq. 16)", least=0, most=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


class PseudoLabel(Method):
    """Batch statistics are updated in the one pass over labelled and unlabelled images together."""

    title = "Pseudo-Label"
    paper = "Lee, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method, ICML workshop 2013."
    idea = (
        "The most likely class of an unlabelled image is used as its label, with a weight that ramps up during the "
        "run. Only predictions with a confidence above a threshold are used."
    )
    hyperparameters = PseudoLabelParameters
    unlabelled_views = ("weak",)
    p: PseudoLabelParameters

    def losses(self, batch: Batch) -> Losses:
        """Return supervised loss + alpha(t) * cross-entropy with the prediction on the same view (Eq. 15)."""
        (labelled,), (weak,) = batch.labelled.views, batch.unlabelled.views
        logits, weak_logits = joint_logits(self.model, labelled, weak)
        q = target_probabilities(weak_logits)
        kept = above(q, self.p.threshold)
        alpha = self.p.weight * linear_ramp(batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": cross_entropy(logits, batch.labelled.labels),
                "unlabelled": alpha * pseudo_label_loss(weak_logits, q.argmax(1), kept),
            },
            kept,
        )

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept predictions with a confidence of at least the threshold, (N,) bool."""
        return above(probabilities, self.p.threshold)
