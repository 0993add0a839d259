"""The data of a report: what every run stores in its page, and what the task of the run adds."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Content:
    """What a task stores in the page besides :class:`RunSummary`; a task with more to show derives from it.

    Field types are plain: numbers, strings, lists, dicts, tuples and further dataclasses, as they come from JSON.
    """

    def check(self, classes: list[str]) -> None:
        """Raise ValueError if the content does not belong to these classes."""


@dataclass(frozen=True)
class MethodNote:
    """The method in words."""

    title: str = ""
    """As its paper writes it."""
    paper: str = ""
    idea: str = ""


@dataclass(frozen=True)
class RunSummary:
    """All that a report shows of one run."""

    name: str
    task: str
    config: dict[str, Any]
    """``config.yaml``, nested or flat."""
    metrics: dict[str, dict[str, float | int | str | None]]
    """``test``, ``val``, ``cross_fit``: figures of :mod:`fewlabels.evaluation`; ``train``: ``steps``, ``seconds``,
    ``images_per_second`` and, if known, ``num_labels`` and ``num_unlabelled``. Missing splits are absent."""
    history: list[dict[str, float | None]]
    """A row per evaluation, as in history.csv; None where a value is unknown."""
    classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Limitations that were noticed when the run was made, in sentences."""
    weights_notes: list[str] = field(default_factory=list)
    """Where the first weights come from, their licence, and what of them is used."""
    method: MethodNote = field(default_factory=MethodNote)
    own: Content = field(default_factory=Content)
    """The content of the task."""

    def __post_init__(self) -> None:
        self.own.check(self.classes)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; numbers that are not finite become None."""
        return _plain(asdict(self))


def _plain(value: Any) -> Any:
    """Convert a value to the types of JSON."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
