"""Negative labels: classes that an image is hardly in, and learning from them (DNLL: Xu et al., Sec. 3.3).

Legend: B unlabelled images of the batch, K classes, m negatives per image. Pr and R are the paper's, row k for images
of class k, column i for the class they are taken for.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from fewlabels.errors import UserError
from fewlabels.methods.global_batch import gather
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.randomness import Draws

Reduction = Literal["sum", "mean"]


def check_count(name: str, count: int, least: int, num_classes: int) -> None:
    """Raise :class:`UserError` unless there are ``count`` classes besides the predicted one, and at least ``least``."""
    if not least <= count < num_classes:
        raise UserError(
            f"--method.{name} {count} does not go with {num_classes} classes, one of which is never a negative label; "
            f"give a whole number from {least} to {num_classes - 1}"
        )


def negative_loss(logits: Tensor, negatives: Tensor, reduction: Reduction = "sum") -> Tensor:
    """-log(1 - p_k) of each image's negatives, summed (Eq. 9), or averaged as the authors' code does.

    1 - p_k is never computed, so a network that is sure of a negative still learns: with z the logits the term is
    log-sum-exp(z) - log-sum-exp(z without k), which is softplus(z_k - log-sum-exp(z without k)).

    Args:
        logits: (B, K), K at least 2.
        negatives: (B, m) int64, the classes k.
        reduction: over the m negatives of an image.

    Returns:
        (B,) of at least float32.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    left_out = one_hot(negatives, logits.shape[1]).bool()
    others = logits[:, None].masked_fill(left_out, -torch.inf).logsumexp(2)
    losses = softplus(logits.gather(1, negatives) - others)
    return losses.sum(1) if reduction == "sum" else losses.mean(1)


def equal_weights(num_classes: int, device: torch.device | None = None) -> Tensor:
    """(K, K) float32: every other class is as probable a negative of class k (EP, Sec. 3.3.1)."""
    return (1 - torch.eye(num_classes, device=device)) / max(num_classes - 1, 1)


@torch.no_grad()
def draw_negatives(labels: Tensor, weights: Tensor, m: int, draws: Draws) -> Tensor:
    """m distinct classes other than the label of each image, one after the other, without replacement (METHODS D4).

    The classes run a race: each arrives after a time drawn from Exp(weight), and the first m are taken. Who comes first
    among those not yet arrived has probability proportional to its weight, which is sequential drawing.

    Args:
        labels: (B,) int64 pseudo-labels.
        weights: (K, K), row k for pseudo-label k: not negative, in any proportion; the diagonal is not looked at.
        m: below K.
        draws: one slot per image.

    Returns:
        (B, m) int64, in the order of drawing.
    """
    uniform = draws.uniform(len(weights)).to(labels.device, non_blocking=True)
    log_weights = weights[labels].clamp_min(torch.finfo(weights.dtype).tiny).log()
    arrival = torch.log(-torch.log1p(-uniform)) - log_weights
    return arrival.scatter(1, labels[:, None], torch.inf).topk(m, largest=False).indices


class ErrorPerception(nn.Module):
    """Which classes a network takes for which, from its errors on labelled images (EPM, Sec. 3.3.2, Eq. 22 and 23).

    Pr is averaged over batches with a momentum; sums that only grow would drive the softmax to a single class
    (METHODS D7). While Pr is 0, and where no error is seen, all negatives are as probable as without EPM.
    """

    confusion: Tensor

    def __init__(self, num_classes: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("confusion", torch.zeros(num_classes, num_classes))

    @torch.no_grad()
    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Move Pr towards this global batch's sums of the confidence (B, K) in wrong answers to labels (B,)."""
        probabilities, labels = gather(probabilities.detach()), gather(labels)
        confidence, predicted = probabilities.to(self.confusion.dtype).max(1)
        errors = confidence * (predicted != labels)
        sums = torch.zeros_like(self.confusion).index_put_((labels, predicted), errors, accumulate=True)
        self.confusion.lerp_(sums, 1 - self.momentum)

    def weights(self) -> Tensor:
        """(K, K) R: the softmax of each row of Pr over all classes but the row's own (METHODS D3)."""
        own = torch.eye(len(self.confusion), dtype=torch.bool, device=self.confusion.device)
        return self.confusion.masked_fill(own, -torch.inf).softmax(1)


def negatives_ramp(progress: float, length: float) -> float:
    """From 0.25 to 1: the weight of the negative loss in the authors' code, relative to its weight after the ramp.

    There it is 75 exp(-5 (1 - e/100)^2) up to epoch 15 of 100, then 2 (METHODS D18); ``length`` is the 15 as a share
    of the run.
    """
    return 1.0 if progress > length or length <= 0 else 75 / 2 * sigmoid_ramp(0.15 * progress / length, 1.0)
