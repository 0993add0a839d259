"""What was decoded and found good (or bad) is remembered, so that the next start does not decode it again."""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import PIL

from fewlabels.data.pixels.cache import cache_folder, keep

_RULES = f"1, Pillow {PIL.__version__}"
"""Remembered results are good for the rules they were found by; raise the number when decoding changes."""


class Seen(NamedTuple):
    """What decoding an image showed."""

    sha256: str
    """Of the bytes of the file; "" if they could not be read, and then nothing is remembered."""
    width: int
    height: int
    """In pixels, after EXIF rotation; 0 for a faulty image."""
    colour: bool
    fault: str
    """ "" for a good image, else the rest of the sentence "this file ..."."""


class Stamp(NamedTuple):
    """By which a changed file is told from an unchanged one."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path) -> "Stamp":
        status = path.stat()
        return cls(status.st_size, status.st_mtime_ns)


class Memory:
    """The images of one data folder that were seen before. A missing or damaged file is an empty memory."""

    def __init__(self, root: Path) -> None:
        name = sha256(str(root.resolve()).encode(errors="surrogateescape")).hexdigest()[:24]
        self._file = cache_folder() / "seen" / f"{name}.json"
        self._entries = _load(self._file)

    def recall(self, path: str, stamp: Stamp) -> Seen | None:
        """What was seen of the image when it last had this size and time."""
        return _valid(self._entries.get(path), stamp)

    def remember(self, seen: Iterable[tuple[str, Stamp, Seen]]) -> None:
        """Replace what is remembered."""
        entries = {path: [*stamp, *what] for path, stamp, what in seen if what.sha256}
        if entries != self._entries:
            text = json.dumps({"rules": _RULES, "images": entries})
            keep(self._file, lambda file: file.write(text.encode()))


def _load(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("rules") != _RULES:
        return {}
    images = content.get("images")
    return images if isinstance(images, dict) else {}


def _valid(entry: Any, stamp: Stamp) -> Seen | None:
    if not isinstance(entry, list) or len(entry) != len(Stamp._fields) + len(Seen._fields):
        return None
    if entry[:2] != [*stamp] or [type(value) for value in entry[2:]] != [str, int, int, bool, str]:
        return None
    return Seen(*entry[2:])
