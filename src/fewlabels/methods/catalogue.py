"""The methods of each task: the files of its folder, and the entry points of other packages.

The name of a method is that of its file, with dashes. Names, and the parameters of the methods of this package, are
found without importing torch, so that a misspelled name is reported at once.
"""

import ast
from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from fewlabels.errors import UserError, nearest
from fewlabels.extensions import load_registered, registered
from fewlabels.options import unwrap

if TYPE_CHECKING:
    from fewlabels.methods.method import Method, Parameters

AUTO = "auto"
"""The value of ``--method`` that lets a task choose the method; it is not a method itself."""
TASKS = ("classify", "multilabel", "localize")
"""The tasks of this package; :func:`task_names` adds those of other packages."""
NOT_IMPLEMENTED = {
    "ccn": "Wu et al., CVPR 2019",
    "tssdl": "Shi et al., ECCV 2018",
    "ccl": "Li, Liu and Tan, arXiv 1901.05657",
}
"""Methods of DNLL's tables of which neither the full definition nor the authors' code was available
(docs/papers/baselines.md, Methods not implemented)."""
BASELINES = "docs/papers/baselines.md"
"""The page with a section for each method whose paper has no page of its own."""


def task_names() -> tuple[str, ...]:
    """Return the names of all tasks, those of this package first."""
    return (*TASKS, *(name for name in registered("fewlabels.tasks") if name not in TASKS))


def check_task(name: str) -> None:
    """Check that there is a task of this name.

    Raises:
        UserError: if not; it names the nearest one.
    """
    if name not in task_names():
        raise UserError(f"there is no task '{name}'; {nearest(name, task_names())}")


def method_names(task: str = "classify") -> list[str]:
    """Return the names of a task's methods, those of this package first."""
    own = _files(task)
    return [*own, *(name for name in registered(_group(task)) if name not in own)]


@cache
def _files(task: str) -> dict[str, Path]:
    """Return the file of each method of this package, e.g. ``pseudo_label.py`` for ``pseudo-label``."""
    folder = Path(__file__).parent / task
    return {file.stem.replace("_", "-"): file for file in sorted(folder.glob("[a-z]*.py"))}


def _group(task: str) -> str:
    return f"fewlabels.methods.{task}"


def check_method(name: str, task: str = "classify") -> None:
    """Check that a task has a method of this name.

    Raises:
        UserError: if not; it names the task that has it, or the nearest name.
    """
    names = method_names(task)
    if name in (AUTO, *names):
        return
    if name in NOT_IMPLEMENTED:
        raise UserError(
            f"'{name}' ({NOT_IMPLEMENTED[name]}) is not implemented: neither its full definition nor its authors' "
            "code was available; `fewlabels methods` lists the methods"
        )
    others = [other for other in task_names() if name in method_names(other)]
    if others:
        raise UserError(f"'{name}' is a method of --task {' and '.join(others)}, not of {task}; {nearest(name, names)}")
    every = dict.fromkeys(known for other in task_names() for known in method_names(other))
    raise UserError(f"there is no method '{name}'; {nearest(name, list(every))}")


def tasks_of(name: str) -> list[str]:
    """Return the tasks that have a method of this name.

    Raises:
        UserError: if there is none; it names the nearest method of any task.
    """
    found = [task for task in task_names() if name in (AUTO, *method_names(task))]
    if not found:
        check_method(name)
    return found


def load_method(name: str, task: str = "classify") -> "type[Method]":
    """Import the class of a method.

    Raises:
        UserError: if there is no such method, or another package's can't be imported or is not a method.
    """
    from fewlabels.methods.method import Method

    check_method(name, task)
    if name not in _files(task):
        entry = registered(_group(task))[name]
        found = load_registered(entry)
        if not (isinstance(found, type) and issubclass(found, Method)):
            raise UserError(f"method '{name}' ({entry.value}) is not a subclass of Method; correct its entry point")
        return found
    module = import_module(f"{_group(task)}.{_files(task)[name].stem}")
    here = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    (found,) = [c for c in here if issubclass(c, Method)]
    return found


def notes_page(name: str, task: str = "classify") -> str:
    """Return the page that discusses the paper of a method, with an anchor if it is a section of a page.

    It is empty for a method of another package that names no page.
    """
    return load_method(name, task).notes or (f"{BASELINES}#{name}" if name in _files(task) else "")


def parameter_names(name: str, task: str = "classify") -> list[str]:
    """Return the names of a method's hyper-parameters, those of a base class first.

    They are read from the source of a method of this package; the class of another package's is imported.
    """
    check_method(name, task)
    if name == AUTO:
        return []
    if name in _files(task):
        return _declared(_files(task)[name])
    return [field.name for field in fields(load_method(name, task).hyperparameters)]


def _declared(file: Path) -> list[str]:
    body = ast.parse(file.read_text(encoding="utf-8")).body
    imports = [n for n in body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("fewlabels.methods.")]
    used = _used_classes(body)
    shared = [n.module for n in imports for a in n.names if a.name in used and a.name != "Parameters"]
    files = [Path(__file__).parent.joinpath(*str(module).split(".")[2:]).with_suffix(".py") for module in shared]
    classes = [n for n in body if isinstance(n, ast.ClassDef) and n.name.endswith("Parameters")]
    declared = [n for c in classes for n in c.body if isinstance(n, ast.AnnAssign)]
    own = [n.target.id for n in declared if isinstance(n.target, ast.Name)]
    return [*(field for base in files for field in _declared(base)), *own]


def _used_classes(body: list[ast.stmt]) -> set[str]:
    """Return the names of base classes, and of the class that is assigned to ``hyperparameters``."""
    classes = [n for n in body if isinstance(n, ast.ClassDef)]
    own = [c for c in classes if c.name.endswith("Parameters")]
    assigned = [n for c in classes for n in c.body if isinstance(n, ast.Assign)]
    values = [n.value for n in assigned if ast.unparse(n.targets[0]) == "hyperparameters"]
    return {n.id for n in [*(base for c in own for base in c.bases), *values] if isinstance(n, ast.Name)}


def check_parameters(name: str, given: Mapping[str, Any], task: str = "classify") -> None:
    """Check that a method has the given hyper-parameters.

    Raises:
        UserError: if not; it names the nearest one.
    """
    known = parameter_names(name, task)
    for parameter in given:
        if parameter not in known:
            hint = nearest(parameter, known) if known else "it has none"
            raise UserError(f"method '{name}' has no parameter '{parameter}'; {hint}")


def make_parameters(method: "type[Method]", given: Mapping[str, Any], num_classes: int) -> "Parameters":
    """Return the method's hyper-parameters: the given values, converted and checked, and defaults for the others.

    Raises:
        UserError: if a value has the wrong type, is out of its range or does not fit the number of classes.
    """
    kinds = get_type_hints(method.hyperparameters)
    values = {name: convert(name, value, kinds[name]) for name, value in given.items()}
    parameters = method.hyperparameters(**values)
    parameters.validate(num_classes)
    return parameters


def convert(name: str, value: Any, kind: Any) -> Any:
    """Convert a value from the command line or a configuration file to the type of its parameter.

    Raises:
        UserError: if it is not a value of this type.
    """
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise UserError(f"--method.{name} can't be '{value}'; {nearest(str(value), get_args(kind))}")
        return value
    kind, optional = unwrap(kind)
    if optional and value is None:
        return None
    text = str(value).lower()
    if kind is bool and text in ("true", "false"):
        return text == "true"
    if kind is not bool:
        try:
            return kind(str(value))
        except ValueError:
            pass
    words = {int: "a whole number", float: "a number", bool: "true or false"}
    raise UserError(f"--method.{name} must be {words.get(kind, kind.__name__)}, not '{value}'")
