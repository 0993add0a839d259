"""The methods of this package and of others, and the pages that discuss their papers."""

from pathlib import Path

import pytest
from tests.packages import write_package
from tests.tiny import CASES, Case

from fewlabels.cli.methods import describe
from fewlabels.errors import UserError
from fewlabels.methods import catalogue

ROOT = Path(__file__).parents[2]
CODE = """
from dataclasses import dataclass

from fewlabels.methods.classify.supervised import Supervised
from fewlabels.methods.method import Parameters, parameter


@dataclass(frozen=True)
class Settings(Parameters):
    strength: float = parameter(0.5, "how much", least=0)


class Mine(Supervised):
    title = "Mine"
    hyperparameters = Settings


def no_method(): ...
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a package with a task, methods of it and of ``classify``, and invalid entry points."""
    points = {
        "fewlabels.tasks": {"regress": "thirdparty:task"},
        "fewlabels.methods.regress": {"least-squares": "thirdparty:Mine"},
        "fewlabels.methods.classify": {
            "mine": "thirdparty:Mine",
            "fixmatch": "thirdparty:Mine",
            "broken": "no_such_module:Mine",
            "function": "thirdparty:no_method",
        },
    }
    monkeypatch.syspath_prepend(str(write_package(tmp_path, "thirdparty", CODE, points)))


@pytest.mark.usefixtures("package")
def test_tasks_and_methods_of_other_packages_follow_those_of_this_one() -> None:
    assert catalogue.task_names() == (*catalogue.TASKS, "regress")
    assert catalogue.method_names("regress") == ["least-squares"]
    names = catalogue.method_names("classify")
    assert names[-3:] == ["broken", "function", "mine"]
    assert names.count("fixmatch") == 1


def test_the_tasks_of_this_package_are_always_listed() -> None:
    assert set(catalogue.TASKS) <= set(catalogue.task_names())


@pytest.mark.usefixtures("package")
def test_a_method_of_another_package_is_loaded_described_and_checked() -> None:
    assert catalogue.load_method("mine").title == "Mine"
    assert catalogue.tasks_of("least-squares") == ["regress"]
    assert catalogue.parameter_names("mine") == ["strength"]
    text = describe("mine")
    assert "--method.strength" in text
    assert "Notes:" not in text
    with pytest.raises(UserError, match="did you mean 'strength'"):
        catalogue.check_parameters("mine", {"strenght": 1})


@pytest.mark.usefixtures("package")
def test_a_method_of_this_package_keeps_its_name() -> None:
    assert catalogue.load_method("fixmatch").__module__ == "fewlabels.methods.classify.fixmatch"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("name", "words"), [("broken", "No module named 'no_such_module'"), ("function", "subclass")])
def test_an_invalid_entry_point_is_refused_in_one_sentence(name: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refusal:
        catalogue.load_method(name)
    assert "\n" not in str(refusal.value)


@pytest.mark.usefixtures("package")
def test_a_misspelled_name_finds_methods_of_other_packages() -> None:
    with pytest.raises(UserError, match="did you mean 'least-squares'"):
        catalogue.check_method("least-square")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_page_about_a_methods_paper_exists(case: Case) -> None:
    page, _, heading = catalogue.notes_page(case.name, case.task).partition("#")
    text = (ROOT / page).read_text(encoding="utf-8")
    assert f"\n## {heading}\n" in text if heading else f"`{case.name}`" in text
    assert f"Notes: {page}" in describe(case.name, case.task)
