"""Negative labels: classes that an image is probably not in, and the loss on them (DNLL: Xu et al., Sec. 3.3).

Legend: B unlabelled images of the batch, K classes, m negatives per image. Pr and R are the paper's matrices: row k for
images of class k, column i for the class that is predicted.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, softplus

from fewlabels.errors import UserError
from fewlabels.methods.global_batch import gather
from fewlabels.methods.ramps import sigmoid_ramp
from fewlabels.randomness import Draws

NegativesReduction = Literal["sum", "mean"]
"""Reduction over the m negatives of an image (docs/papers/dnll.md, D5)."""


def check_count(name: str, count: int, least: int, num_classes: int) -> None:
    """Check that ``count`` is at least ``least`` and that there are that many classes other than the predicted one.

    Raises:
        UserError: if not; it names the option and the allowed numbers.
    """
    if not least <= count < num_classes:
        raise UserError(
            f"--method.{name} {count} does not fit {num_classes} classes, one of which is never a negative label; "
            f"give a whole number from {least} to {num_classes - 1}"
        )


def negative_loss(logits: Tensor, negatives: Tensor, reduction: NegativesReduction = "sum") -> Tensor:
    """Return -log(1 - p_k) of each image's negatives k, summed (Eq. 9) or averaged as in the authors' code.

    1 - p_k is never computed, so that a network that is certain of a negative still gets a gradient: with z the logits,
    the term is log-sum-exp(z) - log-sum-exp(z without k) = softplus(z_k - log-sum-exp(z without k)). See
    docs/papers/dnll.md, N-1.

    Args:
        logits: (B, K), K at least 2.
        negatives: (B, m) int64, the classes k.
        reduction: over the m negatives of an image.

    Returns:
        (B,), float32 or wider.
    """
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    left_out = one_hot(negatives, logits.shape[1]).bool()
    others = logits[:, None].masked_fill(left_out, -torch.inf).logsumexp(2)
    losses = softplus(logits.gather(1, negatives) - others)
    return losses.sum(1) if reduction == "sum" else losses.mean(1)


def equal_weights(num_classes: int, device: torch.device | None = None) -> Tensor:
    """Return (K, K) float32 weights by which all classes other than k are equally probable (EP, Sec. 3.3.1)."""
    return (1 - torch.eye(num_classes, device=device)) / max(num_classes - 1, 1)


@torch.no_grad()
def draw_negatives(labels: Tensor, weights: Tensor, m: int, draws: Draws) -> Tensor:
    """Draw m distinct classes other than the label of each image, one after the other without replacement.

    Each class gets an arrival time from an exponential distribution with its weight as rate, and the m earliest classes
    are taken. The next class to arrive is each remaining one with probability proportional to its weight, so this
    equals sequential drawing (docs/papers/dnll.md, D4).

    Args:
        labels: (B,) int64 pseudo-labels.
        weights: (K, K), row k for pseudo-label k: 0 or more, in any scale; the diagonal is ignored.
        m: from 1 to K - 1.
        draws: one slot per image.

    Returns:
        (B, m) int64, in the order of drawing.
    """
    uniform = draws.uniform(len(weights)).to(labels.device, non_blocking=True)
    log_weights = weights[labels].clamp_min(torch.finfo(weights.dtype).tiny).log()
    arrival = torch.log(-torch.log1p(-uniform)) - log_weights
    return arrival.scatter(1, labels[:, None], torch.inf).topk(m, largest=False).indices


class ErrorPerception(nn.Module):
    """Track which classes a network confuses, from its errors on labelled images (EPM, Sec. 3.3.2, Eq. 22 and 23).

    Pr is a running average over batches; sums that only grow would drive the softmax to a single class
    (docs/papers/dnll.md, D7). While a row of Pr is 0, all negatives of its class are equally probable, as without EPM.
    """

    confusion: Tensor

    def __init__(self, num_classes: int, momentum: float = 0.999) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("confusion", torch.zeros(num_classes, num_classes))

    @torch.no_grad()
    def update(self, probabilities: Tensor, labels: Tensor) -> None:
        """Update Pr with the summed confidence of the wrong predictions of this global batch (Eq. 22).

        Args:
            probabilities: (B, K) of the labelled images.
            labels: (B,) int64.
        """
        probabilities, labels = gather(probabilities.detach()), gather(labels)
        confidence, predicted = probabilities.to(self.confusion.dtype).max(1)
        errors = confidence * (predicted != labels)
        sums = torch.zeros_like(self.confusion).index_put_((labels, predicted), errors, accumulate=True)
        self.confusion.lerp_(sums, 1 - self.momentum)

    def weights(self) -> Tensor:
        """Return R (K, K), the softmax of each row of Pr over all classes other than its own.

        See docs/papers/dnll.md, D3 and N-2.
        """
        own = torch.eye(len(self.confusion), dtype=torch.bool, device=self.confusion.device)
        return self.confusion.masked_fill(own, -torch.inf).softmax(1)


def negatives_ramp(progress: float, length: float) -> float:
    """Rise from 0.25 to 1: the weight of the negative loss in the authors' code relative to its final weight.

    There it is 75 exp(-5 (1 - e/100)^2) up to epoch e = 15 of 100, and 2 afterwards (docs/papers/dnll.md, D18 and N-4);
    ``length`` is the share of the run that corresponds to these 15 epochs.
    """
    return 1.0 if progress > length or length <= 0 else 75 / 2 * sigmoid_ramp(0.15 * progress / length, 1.0)
