"""JSON values become dataclasses only if every type fits."""

import json
from dataclasses import asdict, dataclass, field
from typing import NamedTuple

import pytest

from fewlabels.structure import structure


class Place(NamedTuple):
    x: float
    right: bool | None


@dataclass(frozen=True)
class Part:
    name: str
    count: int = 0

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("negative")


@dataclass(frozen=True)
class Whole:
    part: Part
    places: list[Place] = field(default_factory=list)
    pair: tuple[float, float] | None = None
    figures: dict[str, float | int | str | None] = field(default_factory=dict)


def test_what_json_made_of_a_dataclass_is_restored() -> None:
    whole = Whole(Part("a", 3), [Place(0.5, None), Place(1.0, True)], (0.0, 2.5), {"a": 1, "b": None, "c": "x"})
    assert structure(json.loads(json.dumps(asdict(whole))), Whole) == whole


def test_missing_fields_have_their_default_and_unknown_keys_are_ignored() -> None:
    assert structure({"part": {"name": "a", "colour": 1}, "more": []}, Whole) == Whole(Part("a"))


@pytest.mark.parametrize(
    "change",
    [
        {"part": None},
        {"part": []},
        {"part": {}},
        {"part": {"name": 3}},
        {"part": {"name": "a", "count": 1.5}},
        {"part": {"name": "a", "count": "1"}},
        {"part": {"name": "a", "count": True}},
        {"part": {"name": "a", "count": -1}},
        {"places": "ab"},
        {"places": {"x": 1}},
        {"places": [[1.0]]},
        {"places": [[1.0, True, 2]]},
        {"places": [["1.0", True]]},
        {"places": [[1.0, 1]]},
        {"pair": [1.0]},
        {"figures": [1]},
        {"figures": {"a": [1]}},
        {"figures": {"a": True}},
    ],
)
def test_values_of_another_type_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not the data of a Whole"):
        structure({"part": {"name": "a"}} | change, Whole)
