"""What one run has to tell: the content of its report, and the form in which the page carries it along."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, TypeVar

from fewlabels.errors import UserError
from fewlabels.report.boxing import Boxing, read_boxing
from fewlabels.report.example import Example, read_example
from fewlabels.report.looking import Looking, read_looking
from fewlabels.report.marking import Marking, read_marking

T = TypeVar("T")
ISLAND = "fewlabels-run"


@dataclass(frozen=True)
class RunSummary:
    """All that a report says of one run."""

    name: str
    config: dict[str, Any]
    """``config.yaml``, nested or flat. The keys ``method``, ``title``, ``paper``, ``idea``, ``data``,
    ``num_labels``, ``seed``, ``label_seed``, ``backbone`` and ``pool_includes_labelled`` are shown in words, all
    others as parameters."""
    metrics: dict[str, dict[str, Any]]
    """``test``, ``val``, ``cross_fit``: figures of :mod:`fewlabels.evaluation`; ``train``: ``steps``, ``seconds``,
    ``images_per_second`` and, if known, ``num_unlabelled``. Splits that don't exist are absent."""
    history: list[dict[str, float | None]]
    """A row per evaluation: ``step``, ``loss``, ``loss/NAME``, ``share_kept``, ``pseudo_label_accuracy``,
    ``val_accuracy``, ``test_accuracy``, ...; None where unknown."""
    classes: list[str]
    confusion: list[list[int]] | None
    """(K, K), rows are the truth."""
    label_counts: dict[str, int]
    """Labels given per class."""
    pseudo_counts: dict[str, int]
    """Accepted labels of unlabelled images per class."""
    most_confident: dict[str, list[Example]] = field(default_factory=dict)
    least_confident: dict[str, list[Example]] = field(default_factory=dict)
    doubted: list[Example] = field(default_factory=list)
    """Images whose given label the model disagrees with."""
    notes: list[str] = field(default_factory=list)
    """What to distrust, in sentences."""
    looking: Looking = field(default_factory=Looking)
    """Features in the plane, maps and perturbed images; pages made before there were any have none."""
    marking: Marking | None = None
    """Of a multi-label run: its marks, its classes one by one, its maps. ``label_counts`` are then marks given as
    present, and ``pseudo_counts`` unknown marks accepted as present."""
    boxing: Boxing | None = None
    """Of a run of task ``localize``: its boxes."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; numbers that are not finite become None."""
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "RunSummary":
        """The inverse of :meth:`to_dict`. Raises KeyError, TypeError or ValueError on anything of another shape."""
        return cls(
            name=str(data["name"]),
            config=dict(data["config"]),
            metrics=_values(data["metrics"], _figures),
            history=[_values(row, _number) for row in data["history"]],
            classes=[str(name) for name in data["classes"]],
            confusion=_matrix(data["confusion"], len(data["classes"])),
            label_counts=_values(data["label_counts"], int),
            pseudo_counts=_values(data["pseudo_counts"], int),
            most_confident=_values(data["most_confident"], _examples),
            least_confident=_values(data["least_confident"], _examples),
            doubted=_examples(data["doubted"]),
            notes=[str(note) for note in data["notes"]],
            looking=read_looking(data.get("looking"), len(data["classes"])),
            marking=read_marking(data.get("marking"), len(data["classes"])),
            boxing=read_boxing(data.get("boxing")),
        )

    def embed(self, index: int = 0) -> str:
        """A script element that is never run; no character in it can end it early."""
        data = json.dumps(self.to_dict(), allow_nan=False, separators=(",", ":"))
        for character in "<>&":
            data = data.replace(character, f"\\u{ord(character):04x}")
        suffix = f"-{index + 1}" if index else ""
        return f'<script type="application/json" id="{ISLAND}{suffix}">{data}</script>'


def _plain(value: Any) -> Any:
    """Only what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _values(data: Mapping[str, Any], convert: Callable[[Any], T]) -> dict[str, T]:
    return {str(key): convert(value) for key, value in dict(data).items()}


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _figures(data: Mapping[str, Any]) -> dict[str, float | int | str | None]:
    """One number each; ``AP``, which has one per class, stands in ``marking``."""
    return _values({key: value for key, value in dict(data).items() if key != "AP"}, _figure)


def _figure(value: Any) -> float | int | str | None:
    if value is None or isinstance(value, (int, float, str)):
        return value
    raise TypeError("a figure must be a number or a string")


def _matrix(rows: Any, size: int) -> list[list[int]] | None:
    if rows is None:
        return None
    matrix = [[int(count) for count in row] for row in rows]
    if [len(row) for row in matrix] != [size] * size:
        raise ValueError("the confusion matrix must have a row and a column per class")
    return matrix


def _examples(rows: Any) -> list[Example]:
    return [read_example(row) for row in rows]


class _Islands(HTMLParser):
    """Collects the text of the data islands of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and (dict(attrs).get("id") or "").startswith(ISLAND)
        if self._inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data


def read_summary(report_html: Path) -> RunSummary:
    """Read a run's summary back from its page; nothing in the page is executed.

    Raises:
        UserError: the file is missing, is no report of one run, or its data are damaged.
    """
    again = "give the report.html of a run folder, or make it again with 'fewlabels report RUN'"
    try:
        page = report_html.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{report_html} can't be read as a report: {again}.") from error
    islands = _Islands()
    islands.feed(page)
    if len(islands.found) != 1:
        raise UserError(f"{report_html} holds the data of {len(islands.found)} runs instead of one: {again}.")
    try:
        return RunSummary.from_dict(json.loads(islands.found[0]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{report_html} holds damaged data: {again}.") from error
