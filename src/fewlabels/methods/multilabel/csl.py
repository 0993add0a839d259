"""CSL: unknown marks are treated as absent, except those of frequent classes and the most likely ones of the batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from fewlabels.methods.focusing import focused_losses
from fewlabels.methods.global_batch import gather
from fewlabels.methods.marks import ImageReduction, over_images, wide
from fewlabels.methods.method import Batch, Losses, Parameters, Pool, Problem, parameter
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.classifier import Classifier


@dataclass(frozen=True)
class CSLParameters(Parameters):
    """Defaults of the authors' code (Alibaba-MIIL/PartialLabelingCSL)."""

    gamma_present: float = parameter(0.0, "gamma+: focusing of presences", least=0)
    gamma_absent: float = parameter(1.0, "gamma-: focusing of known absences (the README: 1 and 3)", least=0)
    gamma_unknown: float = parameter(2.0, "gamma_u: focusing of unknown marks (the README: 4)", least=0)
    likeliest: int = parameter(
        5, "number of unknown marks per image of a batch, the most likely ones, that are ignored", least=0
    )
    prior: float = parameter(
        0.05, "share of all images above which a class's unknown marks are ignored (the README: 0.5)", least=0, most=1
    )
    reduction: ImageReduction = parameter(
        "mean",
        "over the images of a batch (the code sums, for Adam; to do so with SGD, divide --lr by the batch size)",
    )


@torch.no_grad()
def ignored_marks(p: Tensor, marks: Tensor, class_prior: Tensor, prior: float, likeliest: int) -> Tensor:
    """Return which unknown marks are ignored, (B, K) bool.

    Args:
        p: (B, K) probabilities.
        marks: (B, K), 1 present, -1 absent, 0 unknown.
        class_prior: (K,) share of the images on which each class is present.
        prior: unknown marks of classes with a larger share are ignored.
        likeliest: the ``likeliest * B`` unknown marks with the largest p of the global batch of B images are ignored,
            whatever their class.
    """
    unknown = marks == 0
    scores = gather(torch.where(unknown, p, -1.0))
    count = min(likeliest * len(scores), scores.numel())
    enough = scores.flatten().topk(count).values[-1] if count else torch.inf
    return unknown & ((p >= enough) | (class_prior > prior))


def selective_losses(
    logits: Tensor, marks: Tensor, ignored: Tensor, gamma_present: float, gamma_absent: float, gamma_unknown: float
) -> Tensor:
    """Return the focused losses of all marks, with unknown marks as absences that have their own gamma.

    Args:
        logits: (B, K), at least float32.
        marks: (B, K), 1 present, -1 absent, 0 unknown.
        ignored: (B, K) bool; these marks count 0.
        gamma_present: gamma+, 0 or more.
        gamma_absent: gamma-, 0 or more.
        gamma_unknown: gamma_u, 0 or more.

    Returns:
        (B, K), of the dtype of the logits.
    """
    gamma = torch.where(marks == 0, gamma_unknown, gamma_absent).to(logits.dtype)
    return focused_losses(logits, marks == 1, gamma_present, gamma) * ~ignored


class CSL(MultiLabelMethod):
    """Batch statistics are updated in the one pass.

    There are two rounds of equal length, each from the initial weights. The first is trained on the known marks alone
    and gives the prior of each class, the mean probability of its weight average; the second uses it. For a class
    without any known absence, unknown marks count as absent in the first round too, or its prior would be 1.
    """

    title = "CSL (class-aware selective loss)"
    paper = (
        "Ben-Baruch et al., Multi-Label Classification with Partial Annotations Using Class-Aware Selective Loss, "
        "CVPR 2022."
    )
    idea = (
        "Unknown marks are treated as absent, and easy ones weigh little. Those that may well be present, because a "
        "first model finds the class on many images or because they are the most likely of the batch, are ignored."
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
        """Two: one to estimate the class priors, one to train."""
        return 2

    def start_round(self, number: int, pool: Pool) -> None:
        """Find the classes without a known absence, or, before the second round, the prior of each class."""
        if not number:
            self.without_absence.copy_(~(pool.labels == -1).any(0))
        else:
            self.class_prior.copy_(pool.probabilities(pool.averaged, pool.labelled_rows).mean(0))

    def losses(self, batch: Batch) -> Losses:
        """Return the selective loss; in the first round without unknown marks where possible."""
        marks, logits = batch.labelled.labels, wide(self.model(batch.labelled.views[0]))
        if batch.round == 0:
            ignored = (marks == 0) & ~self.without_absence
        else:
            ignored = ignored_marks(logits.sigmoid(), marks, self.class_prior, self.p.prior, self.p.likeliest)
        gammas = (self.p.gamma_present, self.p.gamma_absent, self.p.gamma_unknown)
        each = selective_losses(logits, marks, ignored, *gammas)
        return Losses({"supervised": over_images(each, self.p.reduction)}, (marks == 0) & ~ignored)
