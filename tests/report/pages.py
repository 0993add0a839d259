"""Helpers to render pages and to read them as a browser or a screen reader would."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from fewlabels.errors import UserError
from fewlabels.report.face import Face
from fewlabels.report.island import read_face
from fewlabels.report.page import render
from fewlabels.report.summary import RunSummary
from fewlabels.tasks.task import face_of

HOSTILE = "<script>alert(1)</script>"
VOID = {"meta", "link", "img", "br"}


def face(run: RunSummary) -> Face[Any]:
    return face_of(run.task)(run)


def page_of(*runs: RunSummary) -> str:
    return render([face(run) for run in runs])


def text_of(*runs: RunSummary) -> str:
    return Page(page_of(*runs)).text


def read(path: Path) -> RunSummary:
    return read_face(path, face_of).run


def written(path: Path, *runs: RunSummary) -> Path:
    path.write_text(page_of(*runs), encoding="utf-8")
    return path


def with_own(run: RunSummary, **changes: Any) -> RunSummary:
    """The run with another content of its task."""
    return replace(run, own=replace(run.own, **changes))


def refused(folder: Path, data: dict[str, Any]) -> None:
    """Check that a page with these data is refused in one sentence."""
    page = folder / "report.html"
    island = f'<script type="application/json" id="fewlabels-run">{json.dumps(data)}</script>'
    page.write_text(island, encoding="utf-8")
    with pytest.raises(UserError, match="contains damaged data"):
        read(page)


class Page(HTMLParser):
    """The tags of a page, its visible text, and whether every element is closed where it should be."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.stack: list[str] = []
        self.pieces: list[str] = []
        self.feed(page)
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.stack):
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).replace("\u00a0", " ").split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]
