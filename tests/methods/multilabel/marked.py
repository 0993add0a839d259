"""Small models, batches and pools of marked images, for which results can be computed by hand."""

from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.methods.method import Batch, Labelled, Problem, Unlabelled
from fewlabels.methods.multi_label import MultiLabelMethod
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.randomness import Draws


class Untouched(nn.Module):
    """A backbone whose last map is its input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.num_features = channels

    def forward_features(self, x: Tensor) -> Tensor:
        return x

    def forward_head(self, x: Tensor, pre_logits: bool = False) -> Tensor:
        return x.mean((2, 3))


def untouched_model(classes: int, saliency: float = 0.0, top: int = 5) -> ClassMapClassifier:
    """Return a model whose input is the class maps (B, K, h, w) or, without saliency, the logits (B, K)."""
    model = ClassMapClassifier(Untouched(classes), classes, classes, saliency, top).double()
    nn.init.eye_(cast(nn.Conv2d, model.head).weight.data[:, :, 0, 0])
    return model


def make(name: str, model: Classifier | None = None, classes: int = 3, **values: object) -> MultiLabelMethod:
    """Return the method on this model, or on a small network for images of 1 x 16 x 16."""
    kind = load_method(name, "multilabel")
    parameters = make_parameters(kind, values, classes)
    if model is None:
        torch.manual_seed(0)
        net = kind.network(parameters)
        model = build(
            ModelSpec("small_cnn", classes, 1, 16, net.head, None, (0.5,), (0.25,), 1, 0, net.saliency, net.top)
        )
    method = kind(model, parameters, Problem(classes, 64, num_labelled=64, epochs=0, steps=100)).train()
    assert isinstance(method, MultiLabelMethod)
    return method


def batch(views: Sequence[Tensor], marks: Tensor, progress: float = 0.5, number: int = 0) -> Batch:
    """Return a batch of images 0 to B - 1 with marks (B, K) int8, in round ``number``."""
    rows = torch.arange(len(marks))
    labelled = Labelled(tuple(views), marks.to(torch.int8), rows)
    return Batch(labelled, Unlabelled((), rows[:0]), 50, progress, Draws(3, rows), number)


class TinyPool(NamedTuple):
    """A pool with given features and probabilities."""

    labels: Tensor
    given_probabilities: Tensor | None = None
    given_features: Tensor | None = None
    averaged: Classifier = cast(Classifier, None)

    @property
    def rows(self) -> Tensor:
        return torch.arange(len(self.labels))

    @property
    def labelled_rows(self) -> Tensor:
        return self.rows

    def features(self, model: Classifier, rows: Tensor) -> Tensor:
        assert self.given_features is not None
        return self.given_features[rows]

    def probabilities(self, model: Classifier, rows: Tensor) -> Tensor:
        assert self.given_probabilities is not None
        return self.given_probabilities[rows]


def doubles(values: Sequence[object]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
