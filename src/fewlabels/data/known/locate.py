"""Where the files of a known data set lie."""

from collections.abc import Sequence
from pathlib import Path

from fewlabels.errors import UserError


def first(root: Path, names: Sequence[str]) -> Path | None:
    """The first of some files that is there."""
    return next((root / name for name in names if (root / name).is_file()), None)


def need(dataset: str, root: Path, names: Sequence[str], shown: Sequence[str] = (), hint: str = "") -> Path:
    """The same.

    Args:
        dataset: its name, to say whose file is missing.
        root: what the names are relative to.
        names: where it may be.
        shown: the names to say, the first of ``names`` if there are none.
        hint: what to say besides.

    Raises:
        UserError: none of them is there.
    """
    if found := first(root, names):
        return found
    looked = " or ".join(f"'{root / name}'" for name in shown or names[:1])
    raise UserError(
        f"no file {looked} for the data set '{dataset}'{hint}; put it there, or name the folder it is in with --root"
    )
