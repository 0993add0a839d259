"""argparse without abbreviations, and with one-line errors that name the nearest valid word."""

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Literal, NoReturn, get_args, get_origin

from fewlabels.errors import UserError, nearest
from fewlabels.options import TrainOptions, flag, unwrap


class Formatter(argparse.HelpFormatter):
    """Wraps help texts in a terminal and not in a pipe."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=None if sys.stdout.isatty() else 10000)


class Parser(argparse.ArgumentParser):
    """Raises :class:`UserError` instead of printing several lines of usage and exiting."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=Formatter, **options)

    def error(self, message: str) -> NoReturn:
        """Turn a message of argparse into one that says what to do."""
        if found := re.search(r"invalid choice: '?(.*?)'? \(choose from (.*)\)", message):
            choices = [word.strip(" '") for word in found[2].split(",")]
            name = message.split(":")[0].removeprefix("argument ")
            raise UserError(f"{name} can't be '{found[1]}'; {nearest(found[1], choices)}")
        if found := re.search(r"the following arguments are required: (.*)", message):
            raise UserError(f"missing: {found[1]}; usage: {self.format_usage().split(':', 1)[1].strip()}")
        raise UserError(f"{message}; see {self.prog} --help")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all arguments of this command; an unknown one is an error that names the nearest option."""
        known, unknown = self.parse_known_args(argv)
        for word in unknown:
            if word.startswith("-"):
                options = [o for action in self._actions for o in action.option_strings]
                raise UserError(
                    f"{self.prog} has no option '{word.split('=')[0]}'; {nearest(word.split('=')[0], options)}"
                )
        if unknown:
            raise UserError(f"{self.prog} takes no further argument '{unknown[0]}'; see {self.prog} --help")
        return known


def add_training_options(parser: Parser) -> None:
    """Add an option per field of :class:`TrainOptions`; those that are not typed are absent, so --config sets them."""
    groups: dict[str, Any] = {}
    for f in fields(TrainOptions):
        if f.name in ("data", "parameters"):
            continue
        group = groups.setdefault(f.metadata["group"], parser.add_argument_group(f.metadata["group"]))
        kind, _ = unwrap(f.type)
        words: dict[str, Any] = {
            "dest": f.name,
            "default": argparse.SUPPRESS,
            "help": _help(f.metadata["help"], f.default),
        }
        if kind is bool:
            group.add_argument(flag(f.name), action=argparse.BooleanOptionalAction, **words)
        elif get_origin(kind) is Literal:
            group.add_argument(flag(f.name), choices=get_args(kind), **words)
        else:
            group.add_argument(flag(f.name), metavar={int: "N", float: "X"}.get(kind, "NAME"), **words)


def _help(text: str, default: Any) -> str:
    shown = default not in (None, "", False) and "default" not in text
    return (f"{text} (default: {default})" if shown else text).replace("%", "%%")


def split_method_parameters(argv: Sequence[str]) -> tuple[list[str], dict[str, str]]:
    """Split ``--method.NAME VALUE`` and ``--method.NAME=VALUE`` from the other arguments."""
    rest, parameters, words = [], {}, iter(argv)
    for word in words:
        if not word.startswith("--method."):
            rest.append(word)
            continue
        name, equals, value = word.removeprefix("--method.").partition("=")
        if not equals:
            value = next(words, "--")
        if value.startswith("--"):
            raise UserError(f"--method.{name} needs a value")
        parameters[name.replace("-", "_")] = value
    return rest, parameters
