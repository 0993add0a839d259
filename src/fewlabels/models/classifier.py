"""The classifier interface, the single network and the ensemble."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from math import log
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from fewlabels.models.engines.engine import TORCH, Engine
from fewlabels.models.last_map import as_map
from fewlabels.models.map_cache import MapCache


class Outputs(NamedTuple):
    """Logits, features and feature map of one forward pass."""

    logits: Tensor
    """(B, K)."""
    features: Tensor
    """(B, D) pooled features, the input of the head."""
    map: Tensor
    """(B, D', h, w) last feature map; D' = D except for the few networks that widen after pooling."""


class Classifier(nn.Module, ABC):
    """Interface of every model that methods, training and reports use.

    The implementations are :class:`SingleClassifier` (one backbone and one head), :class:`Ensemble` and
    :class:`~fewlabels.models.localizer.Localizer`. A model made of several networks answers for all of them in
    :meth:`forward`; its features and maps are those of the first of :meth:`networks`.

    Args:
        num_features: D, the length of the pooled features.
        num_classes: K.
    """

    def __init__(self, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.num_features = num_features
        self.num_classes = num_classes
        self.temperature = 1.0
        """Logits are divided by it before they become probabilities: 1 until a finished model is calibrated."""

    @abstractmethod
    def networks(self) -> list["SingleClassifier"]:
        """Return the single networks that classify, at least one."""

    def trunks(self) -> list["SingleClassifier"]:
        """Return every single network that has a backbone: :meth:`networks` and any second network for boxes."""
        return list(self.networks())

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Compute logits, (B, K), of (B, C, H, W) images or of what :meth:`embed` returned for them."""

    def features(self, x: Tensor) -> Tensor:
        """Compute pooled features, (B, D), of (B, C, H, W) images; pooled features are returned unchanged."""
        return self.networks()[0].features(x)

    def last(self, x: Tensor) -> Any:
        """Compute the output of the backbone's last layer for (B, C, H, W) images, in the backbone's own layout.

        :func:`~fewlabels.models.last_map.as_map` turns it into (B, D', h, w).
        """
        return self.networks()[0].last(x)

    def embed(self, x: Tensor) -> Tensor:
        """Compute what :meth:`forward` accepts in place of (B, C, H, W) images when the backbone is frozen.

        (B, D) float32 pooled features, or (B, D, h * w) float16 features where the head needs every location.
        """
        return self.networks()[0].embed(x)

    def outputs(self, x: Tensor) -> Outputs:
        """Compute logits, pooled features and last map of (B, C, H, W) images in one pass.

        Raises UserError where the backbone has no single last map.
        """
        return self.networks()[0].outputs(x)


class SingleClassifier(Classifier):
    """A backbone and a head; both can be replaced by assignment.

    Args:
        backbone: any network with timm's ``forward_features`` and ``forward_head`` and no classifier of its own;
            dropout before the head belongs to it.
        head: maps (B, num_features) to (B, num_classes).
        num_features: D.
        num_classes: K.
    """

    backbone: nn.Module
    head: nn.Module

    def __init__(self, backbone: nn.Module, head: nn.Module, num_features: int, num_classes: int) -> None:
        super().__init__(num_features, num_classes)
        self.map_cache: MapCache | None = None
        self.engine: Engine = TORCH
        self.backbone = backbone
        self.head = head

    def networks(self) -> list["SingleClassifier"]:
        return [self]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))

    def features(self, x: Tensor) -> Tensor:
        if x.ndim == 2:
            return x
        backbone: Any = self.backbone
        return backbone.forward_head(self.last(x), pre_logits=True)

    def last(self, x: Tensor) -> Any:
        """Compute the output of the backbone's last layer; a frozen backbone may answer from its cache.

        Every pass through the backbone goes through this method or :meth:`last_stage`, and so through the engine.
        """
        forward = partial(self.engine.forward_features, self.backbone)
        return forward(x) if self.map_cache is None else self.map_cache(x, forward, self.engine.independent)

    def last_stage(self, x: Tensor) -> Tensor:
        """Compute the (B, D, h, w) map of the backbone's last stage for (B, C, H, W) images."""
        return self.engine.last_stage(self.backbone, x)

    def embed(self, x: Tensor) -> Tensor:
        return self.features(x).float()

    def outputs(self, x: Tensor) -> Outputs:
        assert x.ndim == 4, "cached features have no map: a method that needs maps declares frozen_trunk = 'pixels'"
        backbone: Any = self.backbone
        last = self.last(x)
        pooled = backbone.forward_head(last, pre_logits=True)
        return Outputs(self.head(pooled), pooled, as_map(last, self.backbone))


class Ensemble(Classifier):
    """Several classifiers trained together; the ensemble predicts their mean probability."""

    members: nn.ModuleList

    def __init__(self, members: Sequence[SingleClassifier]) -> None:
        super().__init__(members[0].num_features, members[0].num_classes)
        self.members = nn.ModuleList(members)

    def networks(self) -> list[SingleClassifier]:
        return cast(list[SingleClassifier], list(self.members))

    def forward(self, x: Tensor) -> Tensor:
        """Compute the logarithm of the mean probabilities, (B, K) float32: logits whose softmax is that mean."""
        log_p = torch.stack([member(x).float().log_softmax(1) for member in self.members])
        return log_p.logsumexp(0) - log(len(self.members))
