"""The user's cache folder: what can be computed again, and may be deleted at any time."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO


def cache_folder() -> Path:
    """``$FEWLABELS_CACHE``, else ``$XDG_CACHE_HOME/fewlabels``, else ``~/.cache/fewlabels``; never in the data."""
    if own := os.environ.get("FEWLABELS_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared, "fewlabels")
    return Path(os.path.expanduser("~"), ".cache", "fewlabels")


def keep(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a cache file whole or not at all. A full or read-only disk costs time on the next start, nothing else."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", suffix=".part", delete=False) as file:
            temporary = file.name
            write(file)
        os.replace(temporary, path)
        temporary = None
    except OSError:
        pass
    finally:
        if temporary is not None:
            with suppress(OSError):
                os.unlink(temporary)
