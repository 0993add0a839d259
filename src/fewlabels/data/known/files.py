"""Find the files of known data sets, and name those that are missing or damaged."""

import csv
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fewlabels.errors import UserError

_DAMAGE = (
    OSError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    csv.Error,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def first_file(root: Path, names: Sequence[str]) -> Path | None:
    """Return the first of some files below a folder that exists."""
    return next((root / name for name in names if (root / name).is_file()), None)


def require_file(dataset: str, root: Path, names: Sequence[str], shown: Sequence[str] = (), hint: str = "") -> Path:
    """Return the first of some files below a folder that exists.

    Args:
        dataset: the name of the data set, for messages.
        root: the folder that the names are relative to.
        names: the places where the file may be.
        shown: the names that the message gives. Empty: the first of ``names``.
        hint: what the message says in addition.

    Raises:
        UserError: none of them exists.
    """
    if found := first_file(root, names):
        return found
    looked = " or ".join(f"'{root / name}'" for name in shown or names[:1])
    raise UserError(
        f"no file {looked} for the data set '{dataset}'{hint}; put it there, or name the folder it is in with --root"
    )


@contextmanager
def explain_damage(path: Path) -> Iterator[None]:
    """Turn any error from reading a damaged file into a UserError that names the file."""
    try:
        yield
    except UserError:
        raise
    except _DAMAGE as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise UserError(f"'{path}' is damaged or not what its name says ({reason}); get it again") from error
