"""Small changes of an image that change the answer most, found by the gradient with respect to the image.

Legend: B images of the batch, C classes; x is (B, ...), images or the features of a frozen trunk.
"""

import torch
from torch import Tensor
from torch.linalg import vector_norm
from torch.nn.functional import cross_entropy

from fewlabels.models.classifier import Classifier
from fewlabels.models.statistics import untracked_statistics


def unit(x: Tensor) -> Tensor:
    """Each row of x (B, ...) scaled to l2 length one; a row of zeros stays as it is.

    The row is divided by its largest magnitude first: squares of a gradient of 1e-30 are no longer numbers, and adding
    1e-8 to the length, as the student report's code does, leaves vectors of length 4e-4 (METHODS S14, T-3).
    """
    dims, least = tuple(range(1, x.ndim)), torch.finfo(x.dtype).tiny
    scaled = x / x.abs().amax(dims, keepdim=True).clamp_min(least)
    return scaled / vector_norm(scaled, dim=dims, keepdim=True).clamp_min(least)


def input_gradient(model: Classifier, x: Tensor, targets: Tensor) -> Tensor:
    """(B, ...) gradient of the cross-entropy of model(x), summed over the batch, with respect to x (B, ...).

    Against probabilities it is also the gradient of KL(targets || softmax(model(x))), whose other part is constant.
    Neither the parameters nor what x was made from get a gradient, and running statistics stay as they are.

    Args:
        model: in training mode every image's answer depends on the batch's statistics, and so does its gradient.
        x: (B, ...) where the gradient is taken.
        targets: (B, C) probabilities or (B,) int64 classes.
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
    """(B, ...) rows of length one along which the answer leaves the targets fastest (Miyato et al., 2018).

    Each iteration of the power method takes the gradient of KL(targets || softmax(model(x + xi * direction))). An image
    whose gradient is zero, because the answer is certain, keeps the direction that it had.

    Args:
        model: see :func:`input_gradient`.
        x: (B, ...) unperturbed.
        targets: (B, C) probabilities of x.
        xi: length of the step at which the gradient is taken. Where rounding x + xi * direction swallows it, the
            result is noise: on 16 x 16 digits float32 wants 1e-4 at least (1e-6 gave a cosine of 0.3 with the float64
            direction) and bf16 0.1 (0.01 gave 0.05).
        iterations: of the power method; 0 gives the start, a random direction.
        start: (B, ...) of any length.
    """
    direction = unit(start)
    for _ in range(iterations):
        steepest = unit(input_gradient(model, x + xi * direction, targets))
        found = steepest.abs().amax(tuple(range(1, x.ndim)), keepdim=True) > 0
        direction = torch.where(found, steepest, direction)
    return direction


def fast_gradient_sign(model: Classifier, x: Tensor, labels: Tensor, eps: float) -> Tensor:
    """(B, ...) x with every value moved by eps towards a larger loss of labels (B,) (Goodfellow et al., 2015)."""
    return x + eps * input_gradient(model, x, labels).sign()
