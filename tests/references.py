"""Find the references of a text that lead nowhere.

A reference to a paper's page is ``docs/papers/dnll.md, D7``: the heading ``### D7. title`` of that page. Several labels
may follow (``D7, D8 and N-1``). On the page of the baselines a reference may also name a method (``## vat``) or a
worked example (``worked example SNTG`` for ``### SNTG``). A label alone (``D7``) is enough in a file naming the page.
"""

import re
from functools import cache
from pathlib import Path

LABEL = r"(?:[PSDLRA]\d{1,2}|[PTNLS]-\d{1,2})\b"
_LABELS = rf"{LABEL}(?:(?:, and |, | and | or | to ){LABEL})*"
_NORMS = r"(?! ?-?(?:norm|penalt|distance|loss|regulari))"
"""Two labels of LCHP are also the names of norms."""
_NOT_A_WORD = r"""(?<![\w.-])(?<!b")"""
"""Bytes hold no label: the magic number of a PGM file looks like one."""


def joined(text: str) -> str:
    """Return the text in one line: wrapped comments, docstrings and adjacent string literals are joined."""
    return re.sub(r"\s+", " ", re.sub(r"""\s*\n\s*(?:\#:?\s+)?|["']\s*\n\s*[rf]?["']""", " ", text))


def broken_references(text: str, file: Path, root: Path) -> list[str]:
    """Return each reference in the text of a file whose page or heading does not exist below ``root``."""
    line, papers = joined(text), root / "docs" / "papers"
    named = {root / page for page in re.findall(r"docs/papers/[\w-]+\.md", line)}
    if file.parent == papers:
        named = set(papers.glob("*.md"))
    known = frozenset().union(*map(headings, named))
    return [*_pages(line, root), *_labels(line, root), *_bare_labels(line, known), *_links(text, file)]


@cache
def headings(page: Path) -> frozenset[str]:
    """Return the titles of a page's headings and, of a heading with a label, the label."""
    titles = re.findall(r"^##+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE) if page.is_file() else []
    return frozenset(titles) | {m.group() for title in titles if (m := re.match(rf"{LABEL}(?=\. )", title))}


def _pages(line: str, root: Path) -> list[str]:
    return [name for name in re.findall(r"\bdocs/[\w/.-]*?\.(?:md|py)\b", line) if not (root / name).is_file()]


def _labels(line: str, root: Path) -> list[str]:
    """Return the references to a heading that its page lacks."""
    broken = []
    for page, rest in re.findall(r"(docs/papers/[\w-]+\.md)[`)]*, (.{0,80})", line):
        known = headings(root / page)
        if found := re.match(_LABELS, rest):
            broken += [f"{page}, {label}" for label in re.findall(LABEL, found.group()) if label not in known]
        elif example := re.match(r"worked examples? (.*)", rest):
            broken += [] if example[1].startswith(tuple(known)) else [f"{page}, {example.group()[:40]}"]
        elif page.endswith("baselines.md") and (method := re.match(r"`?([a-z][a-z-]+)", rest)):
            broken += [] if method[1] in known else [f"{page}, {method[1]}"]
    return broken


def _bare_labels(line: str, known: frozenset[str]) -> list[str]:
    """Return the labels without a page that are not ``known``."""
    alone = re.sub(rf"docs/papers/[\w-]+\.md[`)]*, {_LABELS}", "", line)
    return [label for label in re.findall(rf"{_NOT_A_WORD}{LABEL}{_NORMS}", alone) if label not in known]


def _links(text: str, file: Path) -> list[str]:
    """Return the relative Markdown links whose file, or heading in it, does not exist."""
    broken = []
    targets = re.findall(r"\]\(([^)\s]+)\)", text) if file.suffix == ".md" else []
    for target in targets:
        path, _, anchor = target.partition("#")
        page = file.parent / path if path else file
        if "://" in target or (page.exists() and (not anchor or anchor in map(_anchor, headings(page)))):
            continue
        broken.append(target)
    return broken


def _anchor(title: str) -> str:
    """Return the anchor that forges give to a heading."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")
