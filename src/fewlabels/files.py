"""Write files atomically: to a temporary file in the same folder, flushed to disk, then renamed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary file, then replace ``path`` with it in one step."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(draft)
        draft.chmod(0o666 & ~_umask())
        flush(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _umask() -> int:
    """Return the permission bits that new files lack; the system only tells them when they are set."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends."""
    write_atomically(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, keys in their order."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False) + "\n")
