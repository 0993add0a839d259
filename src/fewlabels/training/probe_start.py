"""Heads on cached features start from a logistic regression, not from random weights."""

import torch
from torch import Tensor, nn

from fewlabels.methods.probing import LinearProbeParameters, fit_logistic
from fewlabels.models.heads.normalized_linear import NormalizedLinear


def start_at_probe(method: nn.Module, features: Tensor, labels: Tensor, num_classes: int) -> None:
    """Set every head of a method that scales features to unit length, teachers' included, to a logistic regression.

    From random weights, a head that trains on its own first predictions stays below the regression that needs no
    training. At least two classes must be labelled.

    Args:
        method: with its networks.
        features: (L, D) float32 of the labelled images.
        labels: (L,) int64.
        num_classes: K.
    """
    fit = None
    for head in (module for module in method.modules() if isinstance(module, NormalizedLinear)):
        if fit is None:
            scaled = head.scaled(features).double().cpu().numpy()
            fit = fit_logistic(scaled, labels.cpu().numpy(), num_classes, LinearProbeParameters().C)
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(fit.weight))
            head.bias.copy_(torch.from_numpy(fit.bias))
