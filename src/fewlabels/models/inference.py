"""Inference in evaluation mode and without gradient: logits, probabilities, features and maps.

Always in float32, whatever the run's precision, so that ``predict`` and ``evaluate`` reproduce the figures of a run.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier


class evaluating:
    """Context manager: put the model in evaluation mode, then restore the mode of every submodule."""

    def __init__(self, model: nn.Module) -> None:
        self.modules = {module: module.training for module in model.modules()}
        self.model = model

    def __enter__(self) -> None:
        self.model.eval()

    def __exit__(self, *_: object) -> None:
        for module, training in self.modules.items():
            module.training = training


@torch.inference_mode()
def logits(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """Compute (N, K) float32 logits on the CPU.

    Args:
        model: any classifier.
        inputs: batches that :meth:`Classifier.forward` accepts, N images in total.
    """
    with evaluating(model):
        parts = [model(x).float().cpu() for x in inputs]
    return torch.cat(parts) if parts else torch.zeros(0, model.num_classes)


def probabilities(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """Compute (N, K) float32 softmax probabilities on the CPU; arguments as for :func:`logits`."""
    return (logits(model, inputs) / model.temperature).softmax(1)


@torch.inference_mode()
def features(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """Compute (N, D) float32 pooled features on the CPU; arguments as for :func:`logits`."""
    with evaluating(model):
        parts = [model.features(x).float().cpu() for x in inputs]
    return torch.cat(parts) if parts else torch.zeros(0, model.num_features)


@torch.inference_mode()
def embedded(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """Compute :meth:`Classifier.embed` of at least one image, (N, D) or (N, D, h * w), on the CPU."""
    with evaluating(model):
        return torch.cat([model.embed(x).cpu() for x in inputs])


@torch.inference_mode()
def last_maps(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """Compute (N, D', h, w) float32 last feature maps on the CPU, for at least one image."""
    with evaluating(model):
        return torch.cat([model.outputs(x).map.float().cpu() for x in inputs])
