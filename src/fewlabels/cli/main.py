"""``fewlabels COMMAND ...``: find the command, run it, and turn errors into one line and an exit code."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple

from fewlabels.cli.parser import Parser
from fewlabels.errors import Interrupted, UserError


class Command(NamedTuple):
    """A command; the module of its name in this folder has ``arguments(parser)`` and ``run(parser, argv)``."""

    usage: str
    help: str


COMMANDS = {
    "train": Command("DATA [--method NAME] [options]", "train a model from few labels"),
    "predict": Command("RUN IMAGES [options]", "predict class and confidence for every image of a folder"),
    "evaluate": Command("RUN DATA [options]", "evaluate a trained model on labelled data"),
    "label": Command("RUN [options]", "export the pseudo-labels of a run"),
    "next": Command("RUN|DATA [options]", "choose the images to label next"),
    "doubt": Command("RUN [options]", "list given labels that the other labels contradict"),
    "report": Command("RUN [RUN ...] [options]", "write one report page for one or several runs"),
    "check": Command("DATA [options]", "list every fault of the data, before any training"),
    "methods": Command("[NAME]", "list the methods; with NAME: idea, paper and parameters of one method"),
    "reproduce": Command("[TABLE] [options]", "reproduce a paper's table, with its numbers next to ours"),
    "demo": Command("[options]", "compare labels alone with the method that auto chooses, on handwritten digits"),
}

GOES_ON = {
    "train": "; run the same command with --resume to continue",
    "reproduce": "; run the same command again to continue",
}
"""Advice after a command was stopped."""


def overview() -> str:
    """Return the text of ``fewlabels --help``."""
    lines = [f"  {name:<10} {command.help}" for name, command in COMMANDS.items()]
    return "\n".join([
        "usage: fewlabels COMMAND ...", "", "Train image models from few labels.", "", "commands:", *lines, "",
        "  fewlabels COMMAND --help shows the options of a command; fewlabels --version shows the version.",
    ])  # fmt: skip


def version() -> str:
    """Return the versions of fewlabels and torch, without importing torch."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    from fewlabels.version import __version__

    try:
        return f"fewlabels {__version__} (torch {installed('torch')})"
    except PackageNotFoundError:
        return f"fewlabels {__version__} (torch is not installed)"


def dispatch(argv: Sequence[str]) -> int:
    """Run one command; errors are not caught."""
    if not argv or argv[0] in ("--help", "-h", "help"):
        print(overview())
        return 0
    if argv[0] == "--version":
        print(version())
        return 0
    name, rest = argv[0], list(argv[1:])
    if name not in COMMANDS:
        from fewlabels.errors import nearest

        kind = "option" if name.startswith("-") else "command"
        raise UserError(f"there is no {kind} '{name}'; {nearest(name, [*COMMANDS, '--help', '--version'])}")
    module = import_module(f"fewlabels.cli.{name}")
    command = COMMANDS[name]
    parser = Parser(prog=f"fewlabels {name}", usage=f"fewlabels {name} {command.usage}", description=command.help)
    module.arguments(parser)
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    run: Callable[..., int | None] = module.run
    return run(parser, rest) or 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for wrong input, 130 or 143 when stopped."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        return dispatch(argv)
    except UserError as error:
        return _refuse(str(error), debug="--debug" in argv)
    except Interrupted as stop:
        print(f"fewlabels: stopped{GOES_ON.get(argv[0], '')}", file=sys.stderr)
        return 128 + int(stop.args[0])
    except KeyboardInterrupt:
        print("fewlabels: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of the output has closed it, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a full disk, a folder without write permission, a path inside a file
        where = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}; fix this and retry", debug="--debug" in argv)
    except SystemExit as done:  # argparse, after --help
        return int(done.code or 0)


def _refuse(message: str, debug: bool) -> int:
    """Print the message on one line, after the traceback with ``--debug``."""
    if debug:
        import traceback

        traceback.print_exc()
    print(f"fewlabels: {' '.join(message.split())}", file=sys.stderr)
    return 2


def entry() -> None:
    """The console script."""
    sys.exit(main())
