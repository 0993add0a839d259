"""Find the images in a folder, and decode every one of them to the last byte."""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from fewlabels.data.dataset import FileImages
from fewlabels.data.labels.faults import Fault, Note, any_fatal, left_out
from fewlabels.data.pixels.decode import SUFFIXES, BadImage, DecodeProgress, decode, has_colour, in_threads
from fewlabels.data.pixels.scan_cache import ScanCache, ScanResult, Stamp
from fewlabels.errors import UserError

_OTHERS = ".heic .heif .jp2 .jxl .svg .psd .ico .dng .cr2 .cr3 .nef .arw .dcm .exr .hdr"
_UNREAD = frozenset(_OTHERS.split())
"""Suffixes of pictures that are not read, so that leaving them out is not silent."""


@dataclass
class ScannedImages:
    """The images of a folder, not yet decoded."""

    files: list[str] = field(default_factory=list)
    """Sorted POSIX paths relative to the folder."""
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


def find_images(root: Path) -> ScannedImages:
    """List the image files in a folder and in all folders below it.

    Hidden files and folders, files with other suffixes, and run folders are not data. Links are followed only to files
    inside the folder.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    if not root.exists():
        raise UserError(f"no folder '{root}'; give the folder that holds the images")
    if not root.is_dir():
        raise UserError(f"'{root}' is a file; give the folder that holds the images, unpacked")
    found, unread = ScannedImages(), Counter[str]()
    inside = root.resolve()

    def refuse(error: OSError) -> None:
        where = os.path.relpath(error.filename or root, root)
        found.faults.append(Fault(where, f"cannot be opened ({error.strerror})", "make the folder readable"))

    for folder, folders, names in os.walk(root, onerror=refuse):
        here = PurePosixPath(os.path.relpath(folder, root))
        if not folders and not names and folder != str(root):
            found.notes.append(Note("an empty folder", f"the folder '{here}' is empty"))
        _prune(Path(folder), here, folders, inside, found)
        for name in names:
            suffix = os.path.splitext(name)[1].lower()
            if name.startswith(".") or suffix not in SUFFIXES:
                unread[suffix] += suffix in _UNREAD and not name.startswith(".")
                continue
            _add(Path(folder, name), str(here / name), inside, found)
    found.files.sort()
    found.faults.sort(key=lambda fault: fault.where)
    found.notes += _unread_notes(unread)
    if not found.files and not found.faults:
        raise UserError(f"no image in '{root}' (looked for {', '.join(sorted(SUFFIXES))} in all folders)")
    return found


def _prune(folder: Path, here: PurePosixPath, folders: list[str], inside: Path, found: ScannedImages) -> None:
    """Remove from ``folders``, in place, what is not to be entered."""
    for name in list(folders):
        link = (folder / name).is_symlink()
        no_data = name.startswith(".") or is_run(folder / name)
        if no_data or link:
            folders.remove(name)
        if no_data or not link:
            continue
        where = str(here / name)
        if (folder / name).resolve().is_relative_to(inside):
            found.notes.append(Note("", f"'{where}' is a link to another folder of the data and is not followed"))
        else:
            what = "is a link to a folder outside the data folder, which is not followed"
            found.faults.append(Fault(where, what, "put the folder itself there, or delete the link"))


def _add(file: Path, path: str, inside: Path, found: ScannedImages) -> None:
    if any("\ud800" <= c <= "\udfff" for c in path):  # how Python shows bytes that are no UTF-8
        found.faults.append(Fault(path, "the file name is not UTF-8", "rename it"))
    elif not file.is_file():  # a broken link, or a pipe that would block whoever opens it
        found.faults.append(Fault(path, "is a broken link or not a regular file", "replace or delete it"))
    elif file.is_symlink() and not file.resolve().is_relative_to(inside):
        found.faults.append(Fault(path, "is a link that leads out of the data folder", "put the file itself there"))
    else:
        found.files.append(path)


def _unread_notes(unread: Mapping[str, int]) -> list[Note]:
    return [
        Note("", f"{count} {suffix} files are not read; convert them to .jpg or .png if they are data")
        for suffix, count in sorted(unread.items())
        if count
    ]


def is_run(folder: Path) -> bool:
    """Return whether a folder is what a training run leaves behind."""
    return (folder / "config.yaml").is_file() and (
        (folder / "metrics.json").is_file() or (folder / "checkpoint").is_dir()
    )


def scan_images(root: Path, files: Sequence[str], progress: DecodeProgress | None = None) -> dict[str, ScanResult]:
    """Decode every image whose result is not cached, on all cores.

    Returns:
        The result of each image by its path, in the order of ``files``.
    """
    cache = ScanCache(root)
    stamps: dict[str, Stamp] = {}
    results: dict[str, ScanResult] = {}
    for path in files:
        try:
            stamps[path] = Stamp.of(root / path)
        except OSError:
            continue  # reading the file will show what is wrong with it
        if cached := cache.get(path, stamps[path]):
            results[path] = cached
    new = [path for path in files if path not in results]
    results.update(zip(new, in_threads(lambda path: _scan(root / path), new, progress), strict=True))
    cache.replace((path, stamps[path], results[path]) for path in files if path in stamps)
    return {path: results[path] for path in files}


def _scan(file: Path) -> ScanResult:
    digest = ""
    try:
        with file.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        image = decode(file)
        return ScanResult(digest, image.width, image.height, has_colour(image), "")
    except OSError as error:
        return ScanResult("", 0, 0, False, f"cannot be read ({error.strerror})")
    except BadImage as error:
        temporary = isinstance(error.__cause__, MemoryError) or (
            isinstance(error.__cause__, OSError) and error.__cause__.errno is not None
        )
        return ScanResult("" if temporary else digest, 0, 0, False, str(error))


def faults_of(results: Mapping[str, ScanResult]) -> list[Fault]:
    """Return a fault for each image that cannot be used."""
    return [
        Fault(path, result.fault, "replace or delete it", leave_out=(path,))
        for path, result in results.items()
        if result.fault
    ]


def good_images(root: Path, results: Mapping[str, ScanResult], faults: Sequence[Fault]) -> FileImages | None:
    """Return the images that no fault leaves out; None when there are none, or when a fault is fatal."""
    out = left_out(faults)
    paths = tuple(path for path in results if path not in out)
    if not paths or any_fatal(faults):
        return None
    sizes = np.array([(results[path].width, results[path].height) for path in paths], np.int32)
    return FileImages(root, paths, sizes, grey=not any(results[path].colour for path in paths))
