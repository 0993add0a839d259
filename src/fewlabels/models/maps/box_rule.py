"""How a localizer comes to its boxes, in words that fit in a JSON file."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from fewlabels.errors import UserError

MapName = Literal["cam", "grad-cam", "layer-cam", "info-cam", "features"]
"""Maps that can be read from any trained classifier: :data:`fewlabels.models.maps.evidence.MAPS`."""
Source = Literal["cam", "grad-cam", "layer-cam", "info-cam", "features", "erase-and-merge", "network"]
"""A map, LCHP's Algorithm 1 on the mean of the features, or a second network."""
Component = Literal["largest", "all"]
Scale = Literal["min-max", "max"]


@dataclass(frozen=True)
class BoxRule:
    """Checked when it is made. Of a box from a network nothing but ``source`` counts."""

    source: Source
    threshold: float = 0.2
    """Of the scaled map, from 0 to 1; what lies above it is foreground. Stated, never tuned on boxes."""
    component: Component = "largest"
    """The box is around the largest component of the foreground, or around all of it."""
    scale: Scale = "min-max"
    """The map is brought to 0 to 1 by its least and largest value, or divided by the largest."""

    def __post_init__(self) -> None:
        for name, known in (("source", Source), ("component", Component), ("scale", Scale)):
            if getattr(self, name) not in get_args(known):
                value, valid = getattr(self, name), ", ".join(get_args(known))
                raise UserError(f"the model's boxes have {name} {value!r}: it must be one of {valid}")
        if type(self.threshold) not in (int, float) or not 0 <= self.threshold < 1:
            raise UserError(f"the model's boxes have threshold {self.threshold!r}: it must be from 0 to below 1")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "BoxRule":
        """The inverse of :meth:`to_dict`; UserError for anything else."""
        names = {field.name for field in fields(cls)}
        if not isinstance(values, Mapping) or "source" not in values or not names >= values.keys():
            raise UserError(f"the model's boxes are {values!r}: they must be described by {', '.join(sorted(names))}")
        return cls(**values)
