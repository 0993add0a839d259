"""The user's cache folder: files that can be computed again and may be deleted at any time."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO


def cache_folder() -> Path:
    """Return ``$FEWLABELS_CACHE``, else ``$XDG_CACHE_HOME/fewlabels``, else ``~/.cache/fewlabels``."""
    if own := os.environ.get("FEWLABELS_CACHE"):
        return Path(own)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared, "fewlabels")
    return Path(os.path.expanduser("~"), ".cache", "fewlabels")


def write_cache_file(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a cache file atomically. On a full or read-only disk do nothing: the next start is slower, that is all."""
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
