"""The project files agree with each other and with the code."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from fewlabels.version import __version__

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
DIRECT = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["dependency-groups"]["test"],
    *PROJECT["dependency-groups"]["lint"],
]


def locked() -> list[Requirement]:
    """Return the requirements of the lock, one for each version and platform."""
    return [Requirement(line.removesuffix("\\").strip()) for line in LOCK.splitlines() if re.match(r"\w", line)]


def test_the_lock_has_exact_versions_with_hashes_and_no_index_address() -> None:
    entries = re.split(r"\n(?=\w)", LOCK.strip())
    assert len(entries) == len(locked())
    assert all(re.match(r"[\w.-]+==\S+", entry) and "--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links", LOCK)


@pytest.mark.parametrize("direct", [Requirement(line) for line in DIRECT], ids=str)
def test_the_lock_holds_every_direct_dependency_within_its_bounds(direct: Requirement) -> None:
    versions = [next(iter(entry.specifier)).version for entry in locked() if entry.name == direct.name]
    assert versions
    assert all(direct.specifier.contains(version) for version in versions)


def test_constraints_are_part_of_the_lock() -> None:
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    assert {str(entry) for entry in locked()} >= set(constraints)


def test_changelog_and_citation_name_the_current_version() -> None:
    assert f"\n## [{__version__}] - " in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))["version"] == __version__


def test_classifiers_name_the_python_that_ci_runs() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["test"]["steps"]
    (python,) = [step["with"]["python-version"] for step in steps if "python-version" in step.get("with", {})]
    named = [c for c in PROJECT["project"]["classifiers"] if c.startswith("Programming Language :: Python :: ")]
    assert named == [f"Programming Language :: Python :: {python}"]
    assert steps[-1]["run"] == "bash .ci/run"


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    pages = ["README.md", "CONTRIBUTING.md", "benchmarks/README.md", ".ci/run", "pyproject.toml"]
    for page in pages:
        named = re.findall(r"(?:`|^ *)make ([\w-]+)", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
        assert set(named) <= targets, page
