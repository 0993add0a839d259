"""A folder per class with copies of its images, whole or not there; nothing is moved, and nothing written over."""

import os
import shutil
from pathlib import Path

from fewlabels.errors import UserError
from fewlabels.exports.run_labels import RunLabels, SourceImages


def check_new(out: Path, data: Path) -> None:
    """Refuse a folder that exists, or one that would become part of the data it is copied from."""
    if os.path.lexists(out):
        raise UserError(f"--out {out} exists, and nothing is written over; name a folder that is not there yet")
    if not out.absolute().parent.is_dir():
        raise UserError(f"--out {out}: there is no folder '{out.parent}'; make it first")
    if data.is_dir() and out.resolve().is_relative_to(data.resolve()):
        raise UserError(f"--out {out} lies in '{data}', whose images the copies would join; name a folder outside it")


def copy_images(found: RunLabels, images: SourceImages, out: Path) -> None:
    """Copy the images to OUT/CLASS/, each below the folders that it lies in, so that no two can have one name.

    Raises:
        UserError: where the images are not files, or a class can't be the name of a folder.
        OSError: where a copy fails; there is no OUT then.
    """
    files = images.files("folders are made of files")
    for name in sorted({row["label"] for row in found.rows}):
        _check_name(name)
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    draft.mkdir()
    try:
        for row, name in zip(found.rows, images.names, strict=True):
            copy = draft / row["label"] / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(files.root / name, copy)
        os.rename(draft, out)  # refused by the system where something came there meanwhile
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_name(name: str) -> None:
    """Hidden folders would not be read as classes; a slash would make two of one."""
    if not name or name.startswith(".") or any(mark in name for mark in "/\\\0") or len(os.fsencode(name)) > 255:
        raise UserError(f"class '{name}' can't be the name of a folder; give --format csv or label-studio")
