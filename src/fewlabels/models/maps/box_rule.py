"""The rule by which a localizer computes its boxes; it is stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from fewlabels.errors import UserError

StageMap = Literal["norm", "border-distance", "median-distance"]
"""Maps of the last stage of a network, whatever the class: :mod:`fewlabels.models.maps.stage_maps`."""
MapName = Literal["cam", "grad-cam", "layer-cam", "info-cam", "features", StageMap]
"""Maps of any trained classifier: :data:`fewlabels.models.maps.evidence.MAP_FUNCTIONS`."""
Source = Literal[MapName, "erase-and-merge", "network"]
"""The source of boxes: a map, LCHP's Algorithm 1 on the mean of the features, or a second network."""
Component = Literal["largest", "all"]
Scale = Literal["min-max", "max"]


@dataclass(frozen=True)
class BoxRule:
    """How boxes are computed; with source "network" the other fields have no effect.

    Raises UserError for a value that is not valid.
    """

    source: Source
    threshold: float = 0.2
    """Values of the scaled map above it are foreground; at least 0 and below 1. It is never tuned on boxes."""
    component: Component = "largest"
    """The box encloses the largest component of the foreground, or all of it."""
    scale: Scale = "min-max"
    """The map is scaled to 0 to 1 by its minimum and maximum, or divided by its maximum."""

    def __post_init__(self) -> None:
        for name, known in (("source", Source), ("component", Component), ("scale", Scale)):
            if getattr(self, name) not in get_args(known):
                value, valid = getattr(self, name), ", ".join(get_args(known))
                raise UserError(f"the model's boxes have {name} {value!r}: it must be one of {valid}")
        if type(self.threshold) not in (int, float) or not 0 <= self.threshold < 1:
            raise UserError(f"the model's boxes have threshold {self.threshold!r}: it must be from 0 to below 1")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "BoxRule":
        """Build the rule from the values of :meth:`to_dict`; raise UserError for anything else."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or "source" not in values or not names >= values.keys():
            raise UserError(f"the model's boxes are {values!r}: they must be described by {', '.join(sorted(names))}")
        return cls(**values)
