"""Write results to the terminal, or atomically to the file of --out."""

import sys
from pathlib import Path

from fewlabels.errors import UserError


def check_place(out: str | None) -> None:
    """Refuse a file that can't be written, before the work begins."""
    if out is None:
        return
    if Path(out).is_dir():
        raise UserError(f"--out {out} is a folder; name a file in it")
    if not Path(out).absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder '{Path(out).parent}'; create it first")


def write_result(text: str, out: str | None, what: str) -> None:
    """Write the text; for a file, print one line that describes it."""
    from fewlabels.files import write_text

    if out is None:
        sys.stdout.write(text)
        return
    write_text(Path(out), text)
    print(f"{out}: {what}")
