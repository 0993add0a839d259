"""``fewlabels methods [NAME]``."""

import sys
from dataclasses import fields

from fewlabels.cli.parser import Parser
from fewlabels.methods.catalogue import AUTO, load_method, method_names, notes_page, task_names, tasks_of


def arguments(parser: Parser) -> None:
    """Declare the arguments of the command."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="describe this method and its parameters")


def run(parser: Parser, argv: list[str]) -> None:
    """List the methods by task, or describe one.

    In a pipe the list has one line per method: its task, a tab, and its name.
    """
    name = parser.parse(argv).name
    if name == AUTO:
        print(_ABOUT_AUTO)
    elif name:
        print("\n\n".join(describe(name, task) for task in tasks_of(name)))
    elif sys.stdout.isatty():
        print("\n\n".join(_overview(task) for task in task_names()))
    else:
        print("\n".join(f"{task}\t{method}" for task in task_names() for method in method_names(task)))


_ABOUT_AUTO = """auto: the default of --method, for every task

Photographs are embedded once by a pretrained network. Several heads are cross-fitted on the given labels, and the one
with the least expected log-loss is chosen; with few labels, measurements on other data sets count more. Small images,
--steps and --no-freeze need networks that are trained whole, which are chosen by these measurements alone. The run's
config.yaml and report say what was tried and why it was chosen.

Notes: docs/choosing.md"""


def _overview(task: str) -> str:
    """Return the methods of a task, each with the first sentence of its idea."""
    ideas = {name: load_method(name, task).idea.split(". ")[0].rstrip(".") for name in method_names(task)}
    return "\n".join([f"--task {task}", *(f"  {name:<24} {idea}." for name, idea in ideas.items())])


def describe(name: str, task: str = "classify") -> str:
    """Return title, idea, paper, notes and parameters of a method as text."""
    method, notes = load_method(name, task), notes_page(name, task)
    lines = [f"{name}: {method.title} (--task {task})", "", method.idea, "", f"Paper: {method.paper}"]
    lines += [f"Notes: {notes}"] * bool(notes)
    if declared := fields(method.hyperparameters):
        rows = [(f"--method.{f.name}", short(f.default), str(f.metadata["range"] or "")) for f in declared]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines += ["", "Parameters, with default and allowed values:"]
        for row, f in zip(rows, declared, strict=True):
            lines.append("  " + "  ".join([*map(str.ljust, row, widths), f.metadata["help"]]))
    return "\n".join(lines)


def short(value: object) -> str:
    """Return a value as text, a float with six significant digits."""
    return f"{value:.6}" if isinstance(value, float) else str(value)
