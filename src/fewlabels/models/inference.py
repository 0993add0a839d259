"""What a model says of images: probabilities and features, in evaluation mode, without gradient.

Always in float32, whatever the run trains in: a figure of the run is then also what ``predict`` and ``evaluate`` find.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from fewlabels.models.classifier import Classifier


class evaluating:
    """Evaluation mode for the length of a ``with`` block; every submodule gets its own mode back."""

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
    """(N, K) float32 on the CPU."""
    with evaluating(model):
        parts = [model(x).float().cpu() for x in inputs]
    return torch.cat(parts) if parts else torch.zeros(0, model.num_classes)


def probabilities(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """(N, K) float32 on the CPU: one class of K per image."""
    return logits(model, inputs).softmax(1)


@torch.inference_mode()
def features(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """(N, D) float32 pooled features on the CPU."""
    with evaluating(model):
        parts = [model.features(x).float().cpu() for x in inputs]
    return torch.cat(parts) if parts else torch.zeros(0, model.num_features)


@torch.inference_mode()
def embedded(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """What the model's head needs of at least one image, (N, D) or (N, D, places), on the CPU."""
    with evaluating(model):
        return torch.cat([model.embed(x).cpu() for x in inputs])


@torch.inference_mode()
def last_maps(model: Classifier, inputs: Iterable[Tensor]) -> Tensor:
    """(N, D', h, w) float32 last feature maps on the CPU, of at least one image."""
    with evaluating(model):
        return torch.cat([model.outputs(x).map.float().cpu() for x in inputs])
