"""Results go to the terminal, or whole into the file that --out names."""

import sys
from pathlib import Path

from fewlabels.errors import UserError


def check_place(out: str | None) -> None:
    """Refuse a file that can't be written before the work for it is done."""
    if out is None:
        return
    if Path(out).is_dir():
        raise UserError(f"--out {out} is a folder; name a file in it")
    if not Path(out).absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder '{Path(out).parent}'; make it first")


def write_result(text: str, out: str | None, what: str) -> None:
    """Write the text, and say in a line what is now in the file."""
    from fewlabels.files import write_text

    if out is None:
        sys.stdout.write(text)
        return
    write_text(Path(out), text)
    print(f"{out}: {what}")
