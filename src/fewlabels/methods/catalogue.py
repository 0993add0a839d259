"""Which methods there are: a file in a task's folder is a method, and its file name is the method's name.

Names and parameter names are read without importing torch, so that a typing mistake is answered at once.
"""

import ast
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from fewlabels.errors import UserError, nearest

if TYPE_CHECKING:
    from fewlabels.methods.method import Method, Parameters

TASKS = ("classify", "multilabel", "localize")
LEFT_OUT = {
    "ccn": "Wu et al., CVPR 2019",
    "tssdl": "Shi et al., ECCV 2018",
    "ccl": "Liu and Tan, arXiv 1901.05657",
}
"""Methods of DNLL's tables of which neither the full definition nor its authors' code could be had."""


@cache
def method_files(task: str = "classify") -> dict[str, Path]:
    """The methods of a task by name, e.g. ``pseudo-label`` for ``pseudo_label.py``."""
    folder = Path(__file__).parent / task
    return {file.stem.replace("_", "-"): file for file in sorted(folder.glob("[a-z]*.py"))}


def method_file(name: str, task: str = "classify") -> Path:
    """The file of one method, or a :class:`UserError` that names the nearest."""
    files = method_files(task)
    if name in LEFT_OUT:
        raise UserError(
            f"'{name}' ({LEFT_OUT[name]}) is not here: neither its full definition nor its authors' code could be had, "
            "and a guess would not be that method; `fewlabels methods` lists what there is"
        )
    if name in files:
        return files[name]
    others = [other for other in TASKS if name in method_files(other)]
    if others:
        raise UserError(f"'{name}' is a method of --task {' and '.join(others)}, not of {task}; {nearest(name, files)}")
    every = dict.fromkeys(known for other in TASKS for known in method_files(other))
    raise UserError(f"there is no method '{name}'; {nearest(name, list(every))}")


def tasks_of(name: str) -> list[str]:
    """The tasks that have a method of this name, or a :class:`UserError` that names the nearest method of any."""
    found = [task for task in TASKS if name in method_files(task)]
    if not found:
        method_file(name)
    return found


def load_method(name: str, task: str = "classify") -> "type[Method]":
    """The class that the method's file defines."""
    from fewlabels.methods.method import Method

    module = import_module(f"fewlabels.methods.{task}.{method_file(name, task).stem}")
    here = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    (found,) = [c for c in here if issubclass(c, Method)]
    return found


def parameter_names(name: str, task: str = "classify") -> list[str]:
    """The hyper-parameters of a method, read from the text of its file; those of a base that it imports come first."""
    return _declared(method_file(name, task))


def _declared(file: Path) -> list[str]:
    body = ast.parse(file.read_text()).body
    imports = [n for n in body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("fewlabels.methods.")]
    shared = [n.module for n in imports for a in n.names if a.name.endswith("Parameters") and a.name != "Parameters"]
    files = [Path(__file__).parent.joinpath(*str(module).split(".")[2:]).with_suffix(".py") for module in shared]
    classes = [n for n in body if isinstance(n, ast.ClassDef) and n.name.endswith("Parameters")]
    fields = [n for c in classes for n in c.body if isinstance(n, ast.AnnAssign)]
    own = [n.target.id for n in fields if isinstance(n.target, ast.Name)]
    return [*(field for base in files for field in _declared(base)), *own]


def check_parameters(name: str, given: dict[str, Any], task: str = "classify") -> None:
    """Raise :class:`UserError` for a hyper-parameter that the method lacks."""
    known = parameter_names(name, task)
    for parameter in given:
        if parameter not in known:
            hint = nearest(parameter, known) if known else "it has none"
            raise UserError(f"method '{name}' has no parameter '{parameter}'; {hint}")


def make_parameters(method: "type[Method]", given: Mapping[str, Any], num_classes: int) -> "Parameters":
    """The method's hyper-parameters, defaults filled in, every value checked."""
    kinds = get_type_hints(method.hyperparameters)
    values = {name: convert(name, value, kinds[name]) for name, value in given.items()}
    parameters = method.hyperparameters(**values)
    parameters.validate(num_classes)
    return parameters


def convert(name: str, value: Any, kind: Any) -> Any:
    """Read a typed or configured value as the kind of its default."""
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"--method.{name} can't be '{value}'; {nearest(str(value), get_args(kind))}")
        return value
    text = str(value).lower()
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is not bool:
        try:
            return kind(str(value))
        except ValueError:
            pass
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    raise UserError(f"--method.{name} is {words.get(kind, kind.__name__)}, not '{value}'")
