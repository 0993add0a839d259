"""MixMatch: guessed labels are averaged and sharpened, then everything is mixed with everything."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fewlabels.methods.consistency import joint_logits, softmax_mse, target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.methods.mixing import larger_shares, mix, partners, sharpen
from fewlabels.methods.ramps import linear_ramp
from fewlabels.models.statistics import untracked_statistics
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class MixMatchParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (README of google-research/mixmatch; the code's own are said beside).

    The ramp alone is ours: its 16,000 steps are there for the guesses to become better than chance, and are longer
    than most of our runs. As a share of a short run they are over before that, and the network learns its own errors.
    """

    temperature: float = parameter(0.5, "T: guessed labels are sharpened by p^(1/T) (Eq. 7)", above=0)
    alpha: float = parameter(
        0.75, "images are mixed by shares from Beta(alpha, alpha) (the code's default is 0.5)", above=0
    )
    weight: float = parameter(75.0, "lambda_U: weight of the unlabelled loss (the code's default is 100)", least=0)
    ramp: float = parameter(
        0.4,
        "share of the run over which the weight grows linearly (the paper: 16,000 steps, 0.016 of its million)",
        least=0,
        most=1,
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch, each in two views", least=1)


def guess_labels(logits: tuple[Tensor, ...], temperature: float) -> Tensor:
    """(B, C) sharpened mean of the predictions on several views, logits (B, C) each, without gradient (Eq. 6, 7)."""
    return sharpen(torch.stack([target_probabilities(view) for view in logits]).mean(0), temperature)


def positions(slots: Tensor, mu: int, total: int) -> Tensor:
    """Where the rows of this process stand among the labelled, the first and the second views of the global batch.

    Args:
        slots: (mu b,) int64, of the unlabelled images here; labelled slot s goes with the slots mu s to mu s + mu - 1.
        mu: unlabelled images per labelled one.
        total: labelled images of the global batch.

    Returns:
        (b + 2 mu b,) int64 positions, from 0 to total + 2 mu total - 1.
    """
    return torch.cat([slots[::mu] // mu, total + slots, total + mu * total + slots])


class MixMatch(Method):
    """Batch statistics move in one pass over all mixed images; the pass that guesses labels leaves them alone.

    The authors' code moves them in the pass over the first of three interleaved batches. Every image has a share of
    its own, as there, and the network guesses in training mode, so that its answers are those of dropout and of the
    batch's own statistics.
    """

    title = "MixMatch"
    paper = "Berthelot et al., MixMatch: A Holistic Approach to Semi-Supervised Learning, NeurIPS 2019."
    idea = (
        "The label of an unlabelled image is guessed as the sharpened mean prediction on two views. All images and "
        "their labels are then mixed in pairs, labelled and unlabelled ones alike, and the network learns the mixtures."
    )
    hyperparameters = MixMatchParameters
    unlabelled_views = ("weak", "weak")
    frozen_trunk = "pixels"
    p: MixMatchParameters

    def mixed(self, batch: Batch, guessed: Tensor) -> tuple[Tensor, Tensor]:
        """All views of this process, each mixed with one of the global batch, and their labels (Alg. 1)."""
        labels = one_hot(batch.labelled.labels, self.num_classes).to(guessed.dtype)
        views = (*batch.labelled.views, *batch.unlabelled.views)
        targets = (labels, guessed, guessed)
        all_views, all_targets = (torch.cat([gather(part) for part in parts]) for parts in (views, targets))
        total = len(all_views) // (1 + 2 * self.p.mu)
        draws = Draws(batch.draws.key, positions(batch.draws.slots, self.p.mu, total))
        others = partners(draws.fork("partners"), len(all_views)).to(all_views.device, non_blocking=True)
        shares = larger_shares(draws.fork("shares"), self.p.alpha).to(all_views.device, non_blocking=True)
        return mix(torch.cat(views), all_views[others], shares), mix(torch.cat(targets), all_targets[others], shares)

    def losses(self, batch: Batch) -> Losses:
        """Cross-entropy on mixed labelled + lambda_U * squared distance on mixed unlabelled images (Eq. 2 to 5)."""
        with torch.no_grad(), untracked_statistics(self.model):
            guesses = joint_logits(self.model, *batch.unlabelled.views)
        images, targets = self.mixed(batch, guess_labels(guesses, self.p.temperature))
        logits, cut = self.model(images), len(batch.labelled.labels)
        weight = self.p.weight * linear_ramp(batch.progress, self.p.ramp)
        return Losses(
            {
                "supervised": cross_entropy(logits[:cut], targets[:cut]),
                "unlabelled": weight * softmax_mse(logits[cut:], targets[cut:]).mean(),
            }
        )
