"""A folder per class with copies of its images, written atomically; images are not moved, files not overwritten."""

import os
import shutil
from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.exports.run_labels import RunLabels
from fewlabels.exports.source_images import SourceImages


def check_new(out: Path, data: Path) -> None:
    """Raise :class:`UserError` if the folder exists, or would become part of the data that it is copied from."""
    if os.path.lexists(out):
        raise UserError(f"--out {out} already exists and is not overwritten; name a new folder")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder '{out.parent}'; create it first")
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise UserError(f"--out {out} is inside '{data}', so the copies would become part of it; name another folder")


def copy_images(found: RunLabels, source: SourceImages, out: Path) -> None:
    """Copy the images to OUT/CLASS/, each with the folders of its path, so that no two can have the same name.

    Raises:
        UserError: if the images are not files, or the name of a class can't be that of a folder.
        OSError: if a copy fails; OUT does not exist then.
    """
    files = source.files("--format folder copies files")
    for name in sorted({image.classes[0] for image in found.images}):
        _check_name(name)
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    draft.mkdir()
    try:
        for image, name in zip(found.images, source.names, strict=True):
            copy = draft / image.classes[0] / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.root / name, copy)
        os.rename(draft, out)  # the system refuses if OUT was created in the meantime
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_name(name: str) -> None:
    """Hidden folders would not be read as classes; a slash would make two folders."""
    if not name or name.startswith(".") or any(mark in name for mark in "/\\\0") or len(os.fsencode(name)) > 255:
        raise UserError(f"class '{name}' can't be the name of a folder; give --format csv or label-studio")
