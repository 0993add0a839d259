"""Tasks and methods of other packages, which register them as entry points.

The groups are ``fewlabels.tasks`` and, for the methods of a task, ``fewlabels.methods.TASK``. The name of an entry
point is the name on the command line, its value ``package.module:attribute``.
"""

import sys
from functools import cache
from importlib.metadata import EntryPoint, distributions
from typing import Any

from fewlabels.errors import UserError


def registered(group: str) -> dict[str, EntryPoint]:
    """Return the entry points of a group by name, in alphabetical order; nothing is imported."""
    return {entry.name: entry for entry in sorted(_installed(tuple(sys.path))) if entry.group == group}


@cache
def _installed(path: tuple[str, ...]) -> list[EntryPoint]:
    """Read the entry points of this program in all installed packages, once for each ``sys.path``."""
    entries = (entry for package in distributions() for entry in package.entry_points)
    return [entry for entry in entries if entry.group.startswith("fewlabels.")]


def load_registered(entry: EntryPoint) -> Any:
    """Import the object that an entry point names.

    Raises:
        UserError: if the import fails.
    """
    try:
        return entry.load()
    except Exception as error:  # code of another package: anything may be raised
        raise UserError(
            f"'{entry.name}' ({entry.value}, {entry.group}) can't be imported: {type(error).__name__}: {error}; "
            "fix or uninstall the package that registers it"
        ) from error
