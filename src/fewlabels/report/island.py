"""The data island of a page: the JSON of a run that its own page contains, and how it is read back."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

from markupsafe import Markup

from fewlabels.errors import UserError
from fewlabels.report.earlier import upgraded
from fewlabels.report.face import Face
from fewlabels.report.summary import RunSummary
from fewlabels.structure import structure

IDENTIFIER = "fewlabels-run"
"""Id of the script element; further ones on a page end in -2, -3 and so on."""
FaceOf = Callable[[str], type[Face[Any]]]
"""Returns the face of the task of a name; raises UserError if there is no such task."""


def island_json(run: RunSummary) -> Markup:
    """Return the data of a run for a script element that is never run; no character in it can end the element."""
    data = json.dumps(run.to_dict(), allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        data = data.replace(character, f"\\u{ord(character):04x}")
    return Markup(data)


def read_face(report_html: Path, face_of: FaceOf) -> Face[Any]:
    """Read a run back from its page; nothing in the page is executed.

    Args:
        report_html: the page of one run.
        face_of: finds the face of the run's task.

    Raises:
        UserError: if the file is missing, is not a report of one run, or its data are damaged.
    """
    again = "give the report.html of a run folder, or train the run again"
    try:
        page = report_html.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{report_html} can't be read as a report: {again}") from error
    islands = _Islands()
    islands.feed(page)
    if len(islands.found) != 1:
        raise UserError(f"{report_html} contains the data of {len(islands.found)} runs instead of one: {again}")
    try:
        data = upgraded(json.loads(islands.found[0], parse_constant=_refuse))
        face = face_of(str(data["task"]))
        return face(face_data(data, face))
    except UserError as error:
        raise UserError(f"{report_html}: {error}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UserError(f"{report_html} contains damaged data: {again}") from error


def face_data(data: dict[str, Any], face: type[Face[Any]]) -> RunSummary:
    """Build the summary of a run from its JSON values; ValueError if they have another shape."""
    own = structure(data["own"], face.content)
    run = structure({name: value for name, value in data.items() if name != "own"}, RunSummary)
    return RunSummary(**{**vars(run), "own": own})


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


class _Islands(HTMLParser):
    """Collects the text of the data islands of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script" and (dict(attrs).get("id") or "").startswith(IDENTIFIER)
        if self._inside:
            self.found.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.found[-1] += data
