"""What a person reads is plain, and every reference leads to something in the project."""

import re
from pathlib import Path

import pytest
from tests.references import broken_references, joined

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = [f for d in ("src", "tests", "docs") for f in sorted((ROOT / d).rglob("*.py")) if f != Path(__file__)]
TEXTS = PAGES + SOURCES + sorted((ROOT / "src").rglob("*.css")) + sorted((ROOT / "src").rglob("*.html"))

PHRASES = [
    "everything it promises",
    "a label for every image that had none",
    "how everything that you did not ask for is decided",
    "says what it came to",
    "Where it is, without having drawn a box",
    "How the house is built",
    "What a frozen trunk said is kept",
    "for pooled features don't say where anything is",
    "because nobody gave its box",
    "whole or not there",
    "where known data sets lie",
    "optimiser steps in all",
    "or stay as the weights brought them",
    "mirror images that mean the same",
    "arithmetic of the network",
    "mend that and try again",
    "is no share of the labels",
    "was good when the data were checked",
    "which no demo made",
    "of which nobody knows how bright white is",
    "nothing is written over",
    "What is taken for what",
    "What to distrust",
    "a look at these pays first",
    "may well be anywhere in",
]
"""Phrases that were hard to read and have plain replacements."""

OLD_NAMES = ["rests", "renews", "said", "judge", "scrutinise", "in_use", "renumbered", "needs_pixels"]
"""Names of the method and task API of version 0.1.0."""


def _id(file: Path) -> str:
    return str(file.relative_to(ROOT))


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_text_has_a_phrase_that_was_replaced(phrase: str) -> None:
    assert [_id(f) for f in TEXTS if phrase.lower() in joined(f.read_text(encoding="utf-8")).lower()] == []


@pytest.mark.parametrize("name", OLD_NAMES)
def test_no_attribute_or_function_has_a_name_that_was_replaced(name: str) -> None:
    use = re.compile(rf"\bdef {name}\(self|\.{name}\b|^    {name}(?:: ClassVar.*)? = (?:True|False|\")", re.MULTILINE)
    assert [_id(f) for f in SOURCES if use.search(f.read_text(encoding="utf-8"))] == []


def test_no_text_refers_to_a_page_outside_the_project() -> None:
    outside = re.compile(r"(?:METHODS|DESIGN|PEERS)\b")
    assert [_id(f) for f in TEXTS if outside.search(f.read_text(encoding="utf-8"))] == []


def test_every_reference_leads_to_a_page_and_a_heading() -> None:
    broken = {_id(f): broken_references(f.read_text(encoding="utf-8"), f, ROOT) for f in TEXTS}
    assert {file: found for file, found in broken.items() if found} == {}


@pytest.fixture
def paper(tmp_path: Path) -> Path:
    """A project with one page of a paper and the page of the baselines."""
    papers = tmp_path / "docs" / "papers"
    papers.mkdir(parents=True)
    (papers / "dnll.md").write_text("# DNLL\n\n### D7. Order\n\n### N-1. Loss\n")
    (papers / "baselines.md").write_text("## vat\n\n### SNTG\n")
    return tmp_path


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        ("see docs/papers/dnll.md, D7 and N-1", []),
        ("see docs/papers/dnll.md, D7 and D8", ["docs/papers/dnll.md, D8"]),
        ("# docs/papers/dnll.md,\n    # D9", ["docs/papers/dnll.md, D9"]),
        ('"docs/papers/dnll.md, "\n    "D9"', ["docs/papers/dnll.md, D9"]),
        ("see docs/papers/dnl.md, D7", ["docs/papers/dnl.md", "docs/papers/dnl.md, D7"]),
        ("the order (D7), docs/papers/dnll.md", []),
        ("the order (D7)", ["D7"]),
        ("the L2 norm and the L1 distance of L2-normalised features", []),
        ("docs/papers/baselines.md, vat; docs/papers/baselines.md, worked example SNTG", []),
        ("docs/papers/baselines.md, vta", ["docs/papers/baselines.md, vta"]),
        ("docs/papers/baselines.md, worked example MNTG", ["docs/papers/baselines.md, worked example MNTG"]),
        ("[page](docs/papers/dnll.md#d7-order) [other](docs/none.md)", ["docs/none.md", "docs/none.md"]),
        ("[page](docs/papers/dnll.md#d8-order)", ["docs/papers/dnll.md#d8-order"]),
    ],
)
def test_a_broken_reference_is_found(paper: Path, text: str, broken: list[str]) -> None:
    assert broken_references(text, paper / "page.md", paper) == broken
