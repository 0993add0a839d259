"""Pseudo-Label: the model's own confident answer on an image is that image's label."""

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
    """Defaults of the runs that PEPL's table cites; Lee's own are threshold 0 and weight 3."""

    threshold: float = parameter(
        0.95, "confidence from which a pseudo-label counts (Lee uses none: 0)", least=0, most=1
    )
    weight: float = parameter(1.0, "alpha_f: weight of the unlabelled loss after the ramp (Lee, Eq. 16: 3)", least=0)
    ramp: float = parameter(
        0.4, "share of the run over which the weight grows linearly from 0 (Lee, Eq. 16)", least=0, most=1
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch", least=1)


class PseudoLabel(Method):
    """Batch statistics move in the one pass over labelled and unlabelled images together."""

    title = "Pseudo-Label"
    paper = "Lee, Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method, ICML workshop 2013."
    idea = (
        "The class the model finds most likely for an unlabelled image is taken as its label, and trained on with a "
        "weight that grows during the run. Only predictions above a threshold count."
    )
    hyperparameters = PseudoLabelParameters
    unlabelled_views = ("weak",)
    p: PseudoLabelParameters

    def losses(self, batch: Batch) -> Losses:
        """Supervised loss + alpha(t) * cross-entropy with the prediction of the same view (Eq. 15)."""
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
        """Trusted from the threshold on."""
        return above(probabilities, self.p.threshold)
