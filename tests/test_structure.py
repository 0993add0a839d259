"""Folders and functions stay small enough to be read."""

import ast
from collections import Counter
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "fewlabels"
FILES = sorted(PACKAGE.rglob("*.py"))


def _id(path: Path) -> str:
    return str(path.relative_to(PACKAGE.parent))


def test_a_folder_other_than_those_of_methods_holds_at_most_25_modules() -> None:
    modules = Counter(file.parent for file in FILES if file.name != "__init__.py")
    assert {_id(f): n for f, n in modules.items() if n > 25 and "methods" not in f.parts} == {}


def test_no_function_is_longer_than_40_lines() -> None:
    functions = {_id(file): long_functions(file.read_text(encoding="utf-8")) for file in FILES}
    assert {file: names for file, names in functions.items() if names} == {}


def long_functions(source: str) -> list[str]:
    """Return the functions of more than 40 lines, docstring included."""
    defined = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [f.name for f in defined if (f.end_lineno or f.lineno) - f.lineno >= 40]


def test_a_function_of_41_lines_is_found() -> None:
    assert long_functions("def f():\n" + "    pass\n" * 39) == []
    assert long_functions("def f():\n" + "    pass\n" * 40) == ["f"]
