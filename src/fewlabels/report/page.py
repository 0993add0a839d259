"""The report: one HTML file that is readable offline and without JavaScript, and contains its own data."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fewlabels.report.content import comparison, single
from fewlabels.report.face import Face
from fewlabels.report.island import IDENTIFIER, island_json

# The policy makes the browser itself refuse any request, whatever a class or a file is called.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def render(faces: Sequence[Face[Any]]) -> str:
    """Return the page of one run, or of several side by side.

    Args:
        faces: at least one; their order is kept.
    """
    assert faces
    several = len(faces) > 1
    return _environment().get_template("page.html").render(
        policy=POLICY,
        title=f"{len(faces)} runs" if several else faces[0].run.name,
        runs=[_run(face) for face in faces],
        ranking=comparison.ranking(faces) if several else None,
        compared=comparison.sections(faces) if several else [],
        island=IDENTIFIER,
        data=[island_json(face.run) for face in faces],
    )  # fmt: skip


def _run(face: Face[Any]) -> dict[str, Any]:
    """Return what ``templates/run.html`` shows."""
    return {
        "name": face.run.name,
        "headline": face.headline(),
        "sentences": [sentence for sentence in (face.certainty(), face.accepted()) if sentence],
        "limitations": single.limitations(face),
        "sections": single.sections(face),
    }


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("fewlabels.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
