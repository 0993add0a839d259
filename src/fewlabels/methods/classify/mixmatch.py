"""MixMatch: guessed labels are averaged and sharpened, then all images and labels are mixed in pairs."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from fewlabels.methods.consistency import joint_logits, softmax_mse, target_probabilities
from fewlabels.methods.global_batch import gather
from fewlabels.methods.method import Batch, Losses, Method, Parameters, parameter
from fewlabels.methods.mixing import larger_shares, mix, permuted_partners, sharpen
from fewlabels.methods.ramps import linear_ramp
from fewlabels.models.statistics import untracked_statistics
from fewlabels.randomness import Draws


@dataclass(frozen=True)
class MixMatchParameters(Parameters):
    """Defaults of the authors' CIFAR-10 runs (README of google-research/mixmatch).

    Only the ramp is ours. The paper's 16,000 steps give the guesses time to become better than chance, and exceed most
    of our runs. The same share of a short run would end before that, and the network would learn its own errors.
    """

    temperature: float = parameter(0.5, "T: guessed labels are sharpened by p^(1/T) (Eq. 7)", above=0)
    alpha: float = parameter(
        0.75, "images are mixed with shares from Beta(alpha, alpha) (the code's default is 0.5)", above=0
    )
    weight: float = parameter(75.0, "lambda_U: weight of the unlabelled loss (the code's default is 100)", least=0)
    ramp: float = parameter(
        0.4,
        "share of the run over which the weight ramps up linearly (the paper: 16,000 steps, 0.016 of its million)",
        least=0,
        most=1,
    )
    mu: int = parameter(1, "unlabelled images per labelled image in a batch, each in two views", least=1)


def guess_labels(logits: tuple[Tensor, ...], temperature: float) -> Tensor:
    """Return the sharpened mean prediction over several views, (B, C) without gradient (Eq. 6 and 7).

    Args:
        logits: (B, C) of each view.
        temperature: T above 0.
    """
    return sharpen(torch.stack([target_probabilities(view) for view in logits]).mean(0), temperature)


def positions(slots: Tensor, mu: int, total: int) -> Tensor:
    """Return the positions of this process's rows in the global batch of labelled, first and second unlabelled views.

    Args:
        slots: (mu b,) int64 slots of this process's unlabelled images; labelled slot s belongs to the slots mu s to
            mu s + mu - 1.
        mu: unlabelled images per labelled one.
        total: number of labelled images of the global batch.

    Returns:
        (b + 2 mu b,) int64, from 0 to total + 2 mu total - 1.
    """
    return torch.cat([slots[::mu] // mu, total + slots, total + mu * total + slots])


class MixMatch(Method):
    """Batch statistics are updated in one pass over all mixed images, not in the pass that guesses labels.

    The authors' code updates them in the pass over the first of three interleaved batches. As there, every image has
    its own share, and labels are guessed in training mode, with dropout and the statistics of the batch.
    """

    title = "MixMatch"
    paper = "Berthelot et al., MixMatch: A Holistic Approach to Semi-Supervised Learning, NeurIPS 2019."
    idea = (
        "The label of an unlabelled image is guessed as the sharpened mean prediction on two views. Labelled and "
        "unlabelled images and their labels are then mixed in random pairs, and the network is trained on the mixtures."
    )
    hyperparameters = MixMatchParameters
    unlabelled_views = ("weak", "weak")
    frozen_trunk = "pixels"
    p: MixMatchParameters

    def mixed(self, batch: Batch, guessed: Tensor) -> tuple[Tensor, Tensor]:
        """Mix each view of this process with one of the global batch, and their labels likewise (Alg. 1).

        Args:
            batch: b labelled and mu b unlabelled images.
            guessed: (mu b, C) guessed labels.

        Returns:
            (b + 2 mu b, ...) views and (b + 2 mu b, C) labels, the labelled ones first.
        """
        labels = one_hot(batch.labelled.labels, self.num_classes).to(guessed.dtype)
        views = (*batch.labelled.views, *batch.unlabelled.views)
        targets = (labels, guessed, guessed)
        all_views, all_targets = (torch.cat([gather(part) for part in parts]) for parts in (views, targets))
        total = len(all_views) // (1 + 2 * self.p.mu)
        draws = Draws(batch.draws.key, positions(batch.draws.slots, self.p.mu, total))
        others = permuted_partners(draws.fork("partners"), len(all_views)).to(all_views.device, non_blocking=True)
        shares = larger_shares(draws.fork("shares"), self.p.alpha).to(all_views.device, non_blocking=True)
        return mix(torch.cat(views), all_views[others], shares), mix(torch.cat(targets), all_targets[others], shares)

    def losses(self, batch: Batch) -> Losses:
        """Return the supervised loss + lambda_U * unlabelled loss on mixed images (Eq. 2 to 5).

        They are the cross-entropy and the squared distance to the mixed labels.
        """
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
