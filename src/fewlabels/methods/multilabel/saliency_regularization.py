"""Saliency Regularization: what stands out on a class's map counts twice, and marks the unknown of the strong view."""

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
    pseudo_from mean.
    """

    alpha: float = parameter(0.5, "alpha: weight of a map's largest values in the logit (Eq. 5); 0 is no SR", least=0)
    top: int = parameter(5, "k: the largest values of a map that are averaged (Eq. 3, Table 3)", least=1)
    tau: float = parameter(
        0.6, "tau: probability from which a pseudo-label counts (Eq. 8, Fig. 4b); for `pseudo same` take 0.9",
        least=0.5, most=1,
    )  # fmt: skip
    loss: Normaliser = parameter(
        "batch", "the loss is divided by the known marks of the batch (BN-BCE), of the image, or by all (class: S-BCE)"
    )
    pseudo: Literal["none", "same", "strong"] = parameter(
        "strong",
        "pseudo-labels of the weak view teach the strong one (CR), the same view (PL, Eq. 6), or there are none",
    )
    pseudo_from: Literal["mean", "salient"] = parameter(
        "salient", "pseudo-labels from the logits with SR (Eq. 8), or from the mean of the map alone (Eq. 7)"
    )
    supervised: Literal["both", "weak"] = parameter(
        "both", "views that learn the known marks (the paper shares its views between both losses: Sec. 3.5)"
    )


class SaliencyRegularization(MultiLabelMethod):
    """Batch statistics move in the one pass over weak and strong views together.

    Pseudo-labels come from that pass, too, cut off from the gradient. Known marks never get one (METHODS R6).
    """

    title = "Saliency Regularization"
    paper = "Wang et al., Saliency Regularization for Self-Training with Partial Annotations, ICCV 2023."
    idea = (
        "Each class has a map, and its largest values are added to their mean, so that the places of a present class "
        "come to stand out. Where the weak view is then sure of an unknown mark, the strong view learns it."
    )
    hyperparameters = SaliencyRegularizationParameters
    labelled_views = ("weak", "strong")
    p: SaliencyRegularizationParameters

    @classmethod
    def network(cls, parameters: SaliencyRegularizationParameters) -> Network:
        """A map for each class, with its largest values."""
        return Network(head="class-maps", saliency=parameters.alpha, top=parameters.top)

    def losses(self, batch: Batch) -> Losses:
        """L_s + L_u (Eq. 12)."""
        (weak_view, strong_view), marks = batch.labelled.views, batch.labelled.labels
        assert isinstance(self.model, ClassMapClassifier)
        scores = self.model.scores(torch.cat([weak_view, strong_view]))
        weak, strong = (ClassScores(*parts) for parts in zip(*(s.chunk(2) for s in scores), strict=True))
        supervised = known_loss(weak.logits, marks, self.p.loss)
        if self.p.supervised == "both":
            supervised = (supervised + known_loss(strong.logits, marks, self.p.loss)) / 2
        if self.p.pseudo == "none":
            return Losses({"supervised": supervised})
        read = weak.logits if self.p.pseudo_from == "salient" else weak.mean
        found = pseudo_marks(read, marks, self.p.tau)
        learner = strong if self.p.pseudo == "strong" else weak
        unsupervised = known_loss(learner.logits, found, self.p.loss)
        return Losses({"supervised": supervised, "unsupervised": unsupervised}, found != 0)

    @torch.no_grad()
    def accepts(self, probabilities: Tensor) -> Tensor:
        """Trusted from tau on, as present or as absent."""
        return sure(probabilities, self.p.tau)
