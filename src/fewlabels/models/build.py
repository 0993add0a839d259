"""The specification of a model, stored as JSON, and the construction of the model from it."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from math import isfinite
from typing import Any, Literal, get_args

from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from fewlabels.errors import UserError, nearest
from fewlabels.models import backbones
from fewlabels.models.classifier import Classifier, Ensemble, SingleClassifier
from fewlabels.models.heads.adversarial_maps import AdversarialMapClassifier
from fewlabels.models.heads.attention import AttentionClassifier
from fewlabels.models.heads.bilinear_attention import BilinearAttentionClassifier
from fewlabels.models.heads.centred_linear import CentredLinear
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.models.heads.normalized_linear import NormalizedLinear
from fewlabels.models.localizer import Localizer, Locator, SpatialLocator
from fewlabels.models.maps.box_rule import BoxRule

HeadKind = Literal[
    "linear", "normalized-linear", "centred-linear", "class-maps", "adversarial-maps", "bilinear-attention"
]
_LINEAR_HEADS = {"normalized-linear": NormalizedLinear, "centred-linear": CentredLinear}
_RANGES = {
    "num_classes": (1, 1 << 20), "channels": (1, 1024), "image_size": (1, 1 << 14), "members": (1, 16),
    "attention_maps": (0, 4096), "top": (1, 1 << 20), "class_size": (0, 1 << 14),
}  # fmt: skip
"""Valid ranges, which also keep a malicious file from exhausting the memory."""


@dataclass(frozen=True)
class ModelSpec:
    """What is needed, in addition to the weights, to build a classifier and to preprocess its images.

    Raises UserError for a value that is not valid.
    """

    backbone: str
    """The name of a timm model or of one of our networks."""
    num_classes: int
    channels: int
    image_size: int
    """Height and width in pixels."""
    head: HeadKind
    pad_type: str | None
    """Padding of the convolutions where the weights require another than the backbone's: "", "same" or "valid"."""
    mean: tuple[float, ...]
    """Per channel, for pixels from 0 to 1: the input of the network is (pixel - mean) / std."""
    std: tuple[float, ...]
    members: int = 1
    """Number of networks; an ensemble predicts their mean probability."""
    attention_maps: int = 0
    """Number of attention maps that pool the features; 0 for the backbone's pooling."""
    saliency: float = 0.0
    """Head "class-maps": weight of the mean of the ``top`` largest values of a map in the logit of its class."""
    top: int = 5
    boxes: BoxRule | None = None
    """How a localizer computes boxes; None for other models."""
    scaled: bool = False
    """Head "class-maps": features of an image are scaled to a root mean square of 1."""
    bias: bool = False
    """Head "class-maps": the convolution has a bias."""
    fine_map: bool = False
    """The side of the last map is 1/16 of the image's, where the backbone supports it."""
    class_size: int = 0
    """Side in pixels to which a localizer reduces images before it predicts their class; 0 keeps their size."""
    temperature: float = 1.0
    """Logits are divided by it before they become probabilities."""
    places: bool = False
    """The localizer's second network is a :class:`~fewlabels.models.localizer.SpatialLocator`."""

    def __post_init__(self) -> None:
        if not isinstance(self.backbone, str):
            raise UserError(f"the model's backbone is {self.backbone!r}: it must be a name")
        backbones.pretrained_cfg(self.backbone)
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise UserError(
                    f"the model's {name} is {value!r}: it must be a whole number, at least {low} and at most {high}"
                )
        if self.head not in get_args(HeadKind):
            raise UserError(f"the model's head is {self.head!r}: it must be one of {', '.join(get_args(HeadKind))}")
        if self.pad_type not in (None, *backbones.PAD_TYPES):
            raise UserError(f"the model's pad_type is {self.pad_type!r}: it must be null, '', 'same' or 'valid'")
        if type(self.saliency) not in (int, float) or not 0 <= self.saliency < float("inf"):
            raise UserError(f"the model's saliency is {self.saliency!r}: it must be a number, 0 or more")
        if type(self.temperature) not in (int, float) or not 0 < self.temperature < float("inf"):
            raise UserError(f"the model's temperature is {self.temperature!r}: it must be a number above 0")
        for name in ("scaled", "bias", "fine_map", "places"):
            value = getattr(self, name)
            if type(value) is not bool:
                raise UserError(f"the model's {name} is {value!r}: it must be true or false")
        _check_statistic("mean", self.mean, self.channels)
        _check_statistic("std", self.std, self.channels)
        if min(self.std) <= 0:
            raise UserError(f"the model's std is {list(self.std)}: every value must be above 0")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, one key per field."""
        boxes = None if self.boxes is None else self.boxes.to_dict()
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std), "boxes": boxes}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str = "model.json") -> "ModelSpec":
        """Build the specification from the values of :meth:`to_dict`.

        Raises UserError that names ``source`` and the missing, unknown or invalid key.
        """
        names = [field.name for field in fields(cls)]
        needed = [field.name for field in fields(cls) if field.default is MISSING]
        for key in values:
            if key not in names:
                raise UserError(f"{source}: unknown key '{key}'; {nearest(str(key), names)}")
        for name in needed:
            if name not in values:
                raise UserError(f"{source}: the key '{name}' is missing")
        tuples = {name: tuple(values[name]) for name in ("mean", "std") if isinstance(values[name], list | tuple)}
        try:
            boxes = None if values.get("boxes") is None else BoxRule.from_dict(values["boxes"])
            return cls(**{**values, **tuples, "boxes": boxes})
        except UserError as error:
            raise UserError(f"{source}: {error}") from error


def build(spec: ModelSpec) -> Classifier:
    """Build the model with random weights, drawn from torch's generator (seeded by ``torch.manual_seed``).

    Raises UserError where the backbone does not support the image size or the number of channels.
    """
    members = [_build_one(spec) for _ in range(spec.members)]
    classifier = members[0] if spec.members == 1 else Ensemble(members)
    if spec.boxes is not None:
        classifier = Localizer(classifier, _build_locator(spec), spec.boxes, spec.class_size)
    classifier.temperature = spec.temperature
    return classifier


def _build_locator(spec: ModelSpec) -> SingleClassifier | None:
    """Build the second network where the rule requires one."""
    assert spec.boxes is not None
    if spec.boxes.source != "network":
        return None
    backbone = backbones.create(spec.backbone, spec.channels, spec.image_size, spec.pad_type, spec.fine_map)
    if spec.places:
        return SpatialLocator(backbone, *backbones.map_shape(backbone, spec.channels, spec.image_size))
    width = backbones.feature_width(backbone, spec.backbone, spec.channels, spec.image_size)
    return Locator(backbone, width)


def _build_one(spec: ModelSpec) -> SingleClassifier:
    backbone = backbones.create(spec.backbone, spec.channels, spec.image_size, spec.pad_type, spec.fine_map)
    width = backbones.feature_width(backbone, spec.backbone, spec.channels, spec.image_size)
    if spec.head == "class-maps":
        return ClassMapClassifier(backbone, width, spec.num_classes, spec.saliency, spec.top, spec.scaled, spec.bias)
    if spec.head == "adversarial-maps":
        return AdversarialMapClassifier(backbone, width, spec.num_classes)
    if spec.head == "bilinear-attention":
        map_width = backbones.map_shape(backbone, spec.channels, spec.image_size)[0]
        return BilinearAttentionClassifier(backbone, map_width, spec.num_classes, spec.attention_maps)
    head = _LINEAR_HEADS.get(spec.head, nn.Linear)(width, spec.num_classes)
    if getattr(backbone, "weight_norm", False) and spec.head == "linear":
        head = weight_norm(head)
    if spec.attention_maps:
        map_width = backbones.map_shape(backbone, spec.channels, spec.image_size)[0]
        return AttentionClassifier(backbone, head, width, spec.num_classes, spec.attention_maps, map_width)
    return SingleClassifier(backbone, head, width, spec.num_classes)


def _check_statistic(name: str, values: Any, channels: int) -> None:
    sized = isinstance(values, tuple) and len(values) == channels
    if not sized or not all(type(value) in (int, float) and isfinite(value) for value in values):
        raise UserError(
            f"the model's {name} is {values!r}: it must have one number for each of the {channels} channels"
        )
