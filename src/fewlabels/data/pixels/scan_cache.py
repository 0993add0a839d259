"""Results of decoding every image of a folder, cached so that the next run decodes only what has changed."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import PIL

from fewlabels.data.pixels.cache_folder import cache_folder, write_cache_file

_RULES = f"1, Pillow {PIL.__version__}"
"""Cached results hold for the rules they were found by; raise the number when decoding changes."""


class ScanResult(NamedTuple):
    """What decoding an image showed."""

    sha256: str
    """Of the bytes of the file; "" if they could not be read, and then the result is not cached."""
    width: int
    height: int
    """In pixels, after EXIF rotation; 0 for a faulty image."""
    colour: bool
    fault: str
    """ "" for a good image, else the rest of the sentence "this file ..."."""


class Stamp(NamedTuple):
    """The size and time of a file, by which a change is recognised."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        """Return the stamp of a file; OSError if it is missing."""
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


class ScanCache:
    """The cached results of one data folder. A missing or damaged cache file is an empty cache."""

    def __init__(self, root: Path) -> None:
        name = sha256(str(root.resolve()).encode(errors="surrogateescape")).hexdigest()[:24]
        self._file = cache_folder() / "seen" / f"{name}.json"
        self._entries = _load(self._file)

    def get(self, path: str, stamp: Stamp) -> ScanResult | None:
        """Return the result for an image if it had this stamp then."""
        return _valid(self._entries.get(path), stamp)

    def replace(self, results: Iterable[tuple[str, Stamp, ScanResult]]) -> None:
        """Replace all cached results; those of files that could not be read are not cached."""
        entries = {path: [*stamp, *result] for path, stamp, result in results if result.sha256}
        if entries != self._entries:
            text = json.dumps({"rules": _RULES, "images": entries})
            write_cache_file(self._file, lambda file: file.write(text.encode()))


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("rules") != _RULES:
        return {}
    images = content.get("images")
    return images if isinstance(images, dict) else {}


def _valid(entry: Any, stamp: Stamp) -> ScanResult | None:
    if not isinstance(entry, list) or len(entry) != len(Stamp._fields) + len(ScanResult._fields):
        return None
    if entry[:2] != [*stamp] or [type(value) for value in entry[2:]] != [str, int, int, bool, str]:
        return None
    return ScanResult(*entry[2:])
