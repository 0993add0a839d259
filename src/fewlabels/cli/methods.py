"""``fewlabels methods [NAME]``."""

import sys
from dataclasses import fields

from fewlabels.cli.parser import Parser
from fewlabels.methods.catalogue import TASKS, load_method, method_files


def arguments(parser: Parser) -> None:
    """An optional name."""
    parser.add_argument("name", nargs="?", metavar="NAME", help="say more of this method")


def run(parser: Parser, argv: list[str]) -> None:
    """List the methods, or describe one."""
    name = parser.parse(argv).name
    if name:
        print(describe(name))
        return
    for task in TASKS:
        for method in method_files(task):
            print(f"{method:<22} {load_method(method).idea.split('. ')[0]}." if sys.stdout.isatty() else method)


def describe(name: str) -> str:
    """Title, paper, idea and parameters of one method."""
    method = load_method(name)
    lines = [f"{name}: {method.title}", "", method.idea, "", f"Paper: {method.paper}"]
    if declared := fields(method.hyperparameters):
        width = max(len(f.name) for f in declared) + len("--method.")
        lines += ["", "Parameters:"]
        lines += [f"  {'--method.' + f.name:<{width}}  {f.default!s:<6} {f.metadata['help']}" for f in declared]
    return "\n".join(lines)
