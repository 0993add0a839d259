"""``fewlabels methods [NAME]``."""

import sys
from dataclasses import fields

from fewlabels.cli.parser import Parser
from fewlabels.methods.catalogue import TASKS, load_method, method_files, tasks_of


def arguments(parser: Parser) -> None:
    """An optional name."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="say more of this method")


def run(parser: Parser, argv: list[str]) -> None:
    """List the methods, or describe one."""
    name = parser.parse(argv).name
    if name:
        print("\n\n".join(describe(name, task) for task in tasks_of(name)))
    elif sys.stdout.isatty():
        print("\n\n".join(_overview(task) for task in TASKS))
    else:
        print("\n".join(dict.fromkeys(method for task in TASKS for method in method_files(task))))


def _overview(task: str) -> str:
    """The methods of a task, each with the first sentence of its idea."""
    ideas = {name: load_method(name, task).idea.split(". ")[0] for name in method_files(task)}
    return "\n".join([f"--task {task}", *(f"  {name:<24} {idea}." for name, idea in ideas.items())])


def describe(name: str, task: str = TASKS[0]) -> str:
    """Title, task, paper, idea and parameters of one method."""
    method = load_method(name, task)
    lines = [f"{name}: {method.title} (--task {task})", "", method.idea, "", f"Paper: {method.paper}"]
    if declared := fields(method.hyperparameters):
        rows = [(f"--method.{f.name}", short(f.default), str(f.metadata["range"] or "")) for f in declared]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", "Parameters, their defaults and what they may be:"]
        for row, f in zip(rows, declared, strict=True):
            lines.append("  " + "  ".join([*map(str.ljust, row, widths), f.metadata["help"]]))
    return "\n".join(lines)


def short(value: object) -> str:
    """The value as text, a number to six digits."""
    return f"{value:.6}" if isinstance(value, float) else str(value)
