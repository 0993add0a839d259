"""The run whose boxes a method learns."""

from dataclasses import asdict, dataclass, fields
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Origin:
    """What the user should know of that run; it is stored in config.yaml."""

    run: str
    """Name of its folder."""
    method: str
    flip_iou: float
    """Agreement of its boxes with those of mirrored training images, see
    :func:`fewlabels.evaluation.flip_agreement.flip_agreement`."""

    @property
    def note(self) -> str:
        """A sentence for a person."""
        return f"the second network learns the boxes that the run '{self.run}' found by {self.method}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Any) -> "Origin":
        """Read :meth:`to_dict`; raise ValueError where it is damaged."""
        kinds = {"run": str, "method": str, "flip_iou": float}
        if not isinstance(values, dict) or set(values) != {f.name for f in fields(cls)}:
            raise ValueError("not the origin of boxes")
        if any(not isinstance(values[name], kind) for name, kind in kinds.items()):
            raise ValueError("a value has the wrong type")
        return cls(**values)


@dataclass(frozen=True)
class Generator:
    """A run with the boxes that it found."""

    origin: Origin
    boxes: Tensor
    """(N, 4) of the default floating-point type on the CPU: a box per row of the data set, as fractions of the upright
    image."""
