"""Saliency Regularization: the largest values of a class's map count twice, and the weak view gives pseudo-marks."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from fewlabels.methods.marks import Normaliser, known_loss, pseudo_marks, sure
from fewlabels.methods.method import Batch, Losses, Network, Parameters, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.heads.class_maps import ClassMapClassifier, ClassScores


@dataclass(frozen=True)
class SaliencyRegularizationParameters(Parameters):
    """Defaults of Sec. 4.1: SR + CR (w/ SR), the last row of each group of Table 2.

    The rows before it, in their order, are: S-BCE, alpha 0, pseudo none, loss class; BN-BCE, alpha 0, pseudo none; PL,
    alpha 0, pseudo same, tau 0.9; CR (w/o SR), alpha 0, pseudo_from mean; SR, pseudo none; SR + CR (w/o SR),
    pseudo_from mean. See docs/papers/saliency-regularization.md, R7 and R8.
    """

    alpha: float = parameter(
        0.5, "alpha: weight of a map's largest values in the logit (Eq. 5); 0 switches SR off", least=0
    )
    top: int = parameter(5, "k: number of the largest values of a map that are averaged (Eq. 3, Table 3)", least=1)
    tau: float = parameter(
        0.6, "tau: probability from which a pseudo-mark is used (Eq. 8, Fig. 4b); 0.9 suits `pseudo same`",
        least=0.5, most=1,
    )  # fmt: skip
    loss: Normaliser = parameter(
        "batch",
        "divisor of the loss: the known marks of the batch (BN-BCE), those of each image, or all marks (class: S-BCE) "
        "(docs/papers/saliency-regularization.md, R2)",
    )
    pseudo: Literal["none", "same", "strong"] = parameter(
        "strong",
        "view trained on the pseudo-marks of the weak view: the strong one (CR), the same (PL, Eq. 6), or none",
    )
    pseudo_from: Literal["mean", "salient"] = parameter(
        "salient", "pseudo-marks from the logits with SR (Eq. 8), or from the mean of the map alone (Eq. 7)"
    )
    supervised: Literal["both", "weak"] = parameter(
        "both",
        "views trained on the known marks; the paper is unclear (Sec. 3.5; docs/papers/saliency-regularization.md, R5)",
    )


class SaliencyRegularization(MultiLabelMethod):
    """Batch statistics are updated in the one pass over weak and strong views together.

    Pseudo-marks come from the same pass, without gradient. Marks that are known get none
    (docs/papers/saliency-regularization.md, R6).
    """

    title = "Saliency Regularization"
    paper = "Wang et al., Saliency Regularization for Self-Training with Partial Annotations, ICCV 2023."
    idea = (
        "The largest values of each class's map are added to its mean, which strengthens the regions of present "
        "classes. Confident predictions of unknown marks on the weak view are then the targets of the strong view."
    )
    notes = "docs/papers/saliency-regularization.md"
    hyperparameters = SaliencyRegularizationParameters
    labelled_views = ("weak", "strong")
    p: SaliencyRegularizationParameters

    @classmethod
    def network(cls, parameters: SaliencyRegularizationParameters) -> Network:
        """Ask for one map per class, whose largest values are added to its mean."""
        return Network(head="class-maps", saliency=parameters.alpha, top=parameters.top)

    def losses(self, batch: Batch) -> Losses:
        """Return L_s + L_u (Eq. 12)."""
        (weak_view, strong_view), marks = batch.labelled.views, batch.labelled.labels
        assert isinstance(self.model, ClassMapClassifier)
        scores = self.model.scores(torch.cat([weak_view, strong_view]))
        weak, strong = (ClassScores(*parts) for parts in zip(*(s.chunk(2) for s in scores), strict=True))
        supervised = known_loss(weak.logits, marks, self.p.loss)
        if self.p.supervised == "both":
            supervised = (supervised + known_loss(strong.logits, marks, self.p.loss)) / 2
        if self.p.pseudo == "none":
            return Losses({"supervised": supervised})
        source = weak.logits if self.p.pseudo_from == "salient" else weak.mean
        found = pseudo_marks(source, marks, self.p.tau)
        learner = strong if self.p.pseudo == "strong" else weak
        unsupervised = known_loss(learner.logits, found, self.p.loss)
        return Losses({"supervised": supervised, "unsupervised": unsupervised}, found != 0)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Accept marks, present or absent, with a probability of at least tau, (N, K) bool."""
        return sure(probabilities, self.p.tau)
