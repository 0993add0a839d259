"""What the documents say is what the program does."""

import re
import runpy
from pathlib import Path

import pytest

from fewlabels.cli.main import COMMANDS, main
from fewlabels.methods.catalogue import TASKS, method_names, parameter_names
from fewlabels.options import flag, option_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_table_of_methods_is_up_to_date() -> None:
    made = runpy.run_path(str(ROOT / "docs" / "make_methods.py"))["text"]()
    assert (ROOT / "docs" / "methods.md").read_text(encoding="utf-8") == made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_option_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"fewlabels [^`\n]*", page.read_text(encoding="utf-8")))
    options = {word for line in named for word in re.findall(r"--[a-z][a-z-]*", line)}
    known = {flag(name) for name in option_names()}
    known |= {"--config", "--resume", "--method", "--help", "--version", "--probabilities", "--split", "--format"}
    known |= {"--map", "--no-freeze", "--accepted", "--min-confidence", "--count"}
    assert options <= known


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_parameter_of_a_method_that_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"--method\.(\w+)", page.read_text(encoding="utf-8")))
    assert named <= {name for task in TASKS for method in method_names(task) for name in parameter_names(method, task)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_a_page_names_exists(page: Path) -> None:
    named = set(re.findall(r"^    fewlabels (\w+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= set(COMMANDS)


def test_the_readme_names_only_documents_that_exist() -> None:
    for name in re.findall(r"`((?:docs/)?[\w-]+\.md)`", (ROOT / "README.md").read_text()):
        assert (ROOT / name).is_file(), name


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


def test_the_readmes_python_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert "steps=200" in code
    names: dict = {}
    exec(code.replace("steps=200", "steps=3, threads=1, precision='fp32', layout='contiguous'"), names)
    assert names["model"].transduction_.shape == (1797,)
