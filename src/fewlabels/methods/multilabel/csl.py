"""CSL: unknown marks are absences, but for those of frequent classes and the likeliest of the batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.global_batch import gather
from fewlabels.methods.marks import Reduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, Pool, Problem, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class CSLParameters(Parameters):
    """Defaults of the authors' code (Alibaba-MIIL/PartialLabelingCSL)."""

    gamma_present: float = parameter(0.0, "gamma+: focusing of presences", least=0)
    gamma_absent: float = parameter(1.0, "gamma-: focusing of known absences (its examples: 1 and 3)", least=0)
    gamma_unknown: float = parameter(2.0, "gamma_u: focusing of unknown marks (its examples: 4)", least=0)
    likeliest: int = parameter(5, "the likeliest unknown marks that are ignored, so many per image of a batch", least=0)
    prior: float = parameter(
        0.05, "share of all images from which a class's unknown marks are ignored (its examples: 0.5)", least=0, most=1
    )
    reduction: Reduction = parameter(
        "mean",
        "over the images of a batch (its code sums, which Adam does not mind: with SGD divide --lr by the batch)",
    )


@torch.no_grad()
def ignored_marks(p: Tensor, marks: Tensor, class_prior: Tensor, prior: float, likeliest: int) -> Tensor:
    """(B, K) bool: which unknown marks teach nothing.

    Args:
        p: (B, K) probabilities.
        marks: (B, K).
        class_prior: (K,) share of the images that each class is on.
        prior: unknown marks of classes with a larger share are ignored.
        likeliest: so are, of any class, the ``likeliest * B`` with the largest p in the global batch of B images.
    """
    unknown = marks == 0
    scores = gather(torch.where(unknown, p, -1.0))
    count = min(likeliest * len(scores), scores.numel())
    enough = scores.flatten().topk(count).values[-1] if count else torch.inf
    return unknown & ((p >= enough) | (class_prior > prior))


def selective_losses(
    logits: Tensor, marks: Tensor, ignored: Tensor, gamma_present: float, gamma_absent: float, gamma_unknown: float
) -> Tensor:
    """(B, K) focused losses of the marks (B, K), unknown ones as absences of another gamma; ``ignored`` ones are 0."""
    gamma = torch.where(marks == 0, gamma_unknown, gamma_absent).to(logits.dtype)
    return focused_losses(logits, marks == 1, gamma_present, gamma) * ~ignored


class CSL(MultiLabelMethod):
    """Batch statistics move in the one pass.

    Two rounds of equal length, each from the initial weights. The first learns from the known marks alone and finds
    each class's share of the images, the mean probability of the weight average; the second ignores by it. A class
    without any known absence takes unknown marks for absences in the first round, too, or its share would be 1.
    """

    title = "CSL (class-aware selective loss)"
    paper = (
        "Ben-Baruch et al., Multi-Label Classification with Partial Annotations Using Class-Aware Selective Loss, "
        "CVPR 2022."
    )
    idea = (
        "Unknown marks are taken for absences and easy ones count little. Those that are likely to be presences, of "
        "classes that a first model finds on many images or of the largest probability in the batch, are ignored."
    )
    hyperparameters = CSLParameters
    needs_absent = False
    reset_each_round = "weights"
    p: CSLParameters
    class_prior: Tensor
    without_absence: Tensor

    def __init__(self, model: Classifier, parameters: CSLParameters, problem: Problem) -> None:
        super().__init__(model, parameters, problem)
        self.register_buffer("class_prior", torch.zeros(problem.num_classes))
        self.register_buffer("without_absence", torch.zeros(problem.num_classes, dtype=torch.bool))

    @property
    def rounds(self) -> int:
        """One to find how frequent the classes are, one to learn."""
        return 2

    def start_round(self, number: int, pool: Pool) -> None:
        """Before the second round: how frequent is each class?"""
        if not number:
            self.without_absence.copy_(~(pool.labels == -1).any(0))
        else:
            self.class_prior.copy_(pool.probabilities(pool.averaged, pool.labelled_rows).mean(0))

    def losses(self, batch: Batch) -> Losses:
        """The selective loss; in the first round, where possible, without the unknown marks."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        if batch.round == 0:
            ignored = (marks == 0) & ~self.without_absence
        else:
            ignored = ignored_marks(logits.sigmoid(), marks, self.class_prior, self.p.prior, self.p.likeliest)
        gammas = (self.p.gamma_present, self.p.gamma_absent, self.p.gamma_unknown)
        each = selective_losses(logits, marks, ignored, *gammas)
        return Losses({"supervised": over_images(each, self.p.reduction)}, (marks == 0) & ~ignored)
