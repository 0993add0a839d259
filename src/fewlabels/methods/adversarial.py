"""Adversarial perturbations: directions in which the prediction changes most, from the gradient at the input.

Legend: B images of the batch, C classes; x is (B, ...), images or the features of a frozen trunk.
"""

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import cross_entropy

from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics


def unit(x: Tensor) -> Tensor:
    """Scale each row of x (B, ...) to l2 length one; a row of zeros is returned unchanged.

    Each row is divided by its largest magnitude first, because the squares of a gradient of 1e-30 underflow. Adding
    1e-8 to the length, as the student report's code does, would leave vectors of length 4e-4
    (docs/papers/student-report.md, S14 and T-3).
    """
    dims, least = tuple(range(1, x.ndim)), torch.finfo(x.dtype).tiny
    scaled = x / x.abs().amax(dims, keepdim=True).clamp_min(least)
    return scaled / vector_norm(scaled, dim=dims, keepdim=True).clamp_min(least)


def input_gradient(model: Classifier, x: Tensor, targets: Tensor) -> Tensor:
    """Return the gradient at x of the cross-entropy of model(x) with the targets, summed over the batch.

    For targets that are probabilities this is also the gradient of KL(targets || softmax(model(x))), because the two
    differ by a constant. No gradient reaches the parameters, and the running statistics do not change.

    Args:
        model: in training mode the logits, and so the gradient, of an image depend on the statistics of the batch.
        x: (B, ...) where the gradient is taken.
        targets: (B, C) probabilities or (B,) int64 classes.

    Returns:
        (B, ...), of the dtype of x.
    """
    with torch.enable_grad(), untracked_statistics(model):
        x = x.detach().requires_grad_()
        logits = model(x)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        (gradient,) = torch.autograd.grad(cross_entropy(logits, targets, reduction="sum"), x)
    return gradient


def virtual_adversarial_direction(
    model: Classifier, x: Tensor, targets: Tensor, xi: float, iterations: int, start: Tensor
) -> Tensor:
    """Find the direction in which the prediction departs fastest from the targets (Miyato et al., 2018).

    Each iteration of the power method takes the gradient of KL(targets || softmax(model(x + xi * direction))). An image
    with a zero gradient, because its prediction is certain, keeps its previous direction.

    Args:
        model: see :func:`input_gradient`.
        x: (B, ...) unperturbed inputs.
        targets: (B, C) predicted probabilities at x.
        xi: length of the step at which the gradient is taken. If x + xi * direction rounds to x, the result is noise:
            on 16 x 16 digits float32 needs at least 1e-4 (1e-6 gave a cosine of 0.3 with the float64 direction) and
            bf16 at least 0.1 (0.01 gave 0.05).
        iterations: number of power iterations; 0 returns the normalised start, a random direction.
        start: (B, ...) initial directions of any length.

    Returns:
        (B, ...) directions; each row has l2 length one.
    """
    direction = unit(start)
    for _ in range(iterations):
        steepest = unit(input_gradient(model, x + xi * direction, targets))
        found = steepest.abs().amax(tuple(range(1, x.ndim)), keepdim=True) > 0
        direction = torch.where(found, steepest, direction)
    return direction


def fast_gradient_sign(model: Classifier, x: Tensor, labels: Tensor, eps: float) -> Tensor:
    """Return x (B, ...) with every value moved by eps so that the loss of the labels (B,) grows.

    The fast gradient sign method (Goodfellow et al., 2015).
    """
    return x + eps * input_gradient(model, x, labels).sign()
