"""The MATLAB files of Stanford Cars (Krause, Stark, Deng and Fei-Fei, 2013), which scipy reads; they are no pickle."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.formats import load_mat, naming
from fewlabels.data.known.official_lists import ListedImage, OfficialLists

FILES = ("cars_train_annos", "cars_test_annos_withlabels", "cars_meta")
"""Each of ``.mat``."""
_SPLITS = {0: TRAIN, 1: TEST}


def read_devkit(files: Mapping[str, Path], folder: Path) -> OfficialLists:
    """The devkit: ``annotations`` of fname and class (from 1) for each split, and ``class_names``.

    Args:
        files: by the names in ``FILES``.
        folder: holds ``cars_train/`` and ``cars_test/``.

    Raises:
        UserError: a file is damaged or lacks a field.
    """
    with naming(files["cars_meta"]):
        classes = _class_names(load_mat(files["cars_meta"], "class_names"))
    rows: list[ListedImage] = []
    for part, name, split in (("cars_train", FILES[0], TRAIN), ("cars_test", FILES[1], TEST)):
        with naming(files[name]):
            found = _annotations(load_mat(files[name], "annotations"), "fname", "class")
            for row, (path, number) in enumerate(found, 1):
                rows.append((f"{name}.mat row {row}", f"{part}/{path}", _class(classes, number), split))
    return OfficialLists("cars", folder, ("cars_train", "cars_test"), classes, rows)


def read_single(file: Path) -> OfficialLists:
    """``cars_annos.mat`` with ``car_ims/`` beside it: relative_im_path, class (from 1), test (0 or 1); class_names.

    Raises:
        UserError: the file is damaged or lacks a field.
    """
    with naming(file):
        content = load_mat(file, "class_names", "annotations")
        classes = _class_names(content)
        found = _annotations(content, "relative_im_path", "class", "test")
        rows = [
            (f"{file.name} row {row}", path, _class(classes, number), _SPLITS[int(test)])
            for row, (path, number, test) in enumerate(found, 1)
        ]
    return OfficialLists("cars", file.parent, ("car_ims",), classes, rows)


def _class_names(content: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    names = tuple(str(cell.item()) for cell in content["class_names"].ravel())
    if len(set(names)) < len(names):
        raise ValueError("a class is there twice")
    return names


def _annotations(content: Mapping[str, np.ndarray], *fields: str) -> Iterator[tuple[Any, ...]]:
    """The fields of each image, the first of which is its path; MATLAB wraps each value in a matrix of one."""
    for record in content["annotations"].ravel():
        path, *others = (record[field].item() for field in fields)
        yield str(path), *others


def _class(classes: tuple[str, ...], number: Any) -> str:
    if not 1 <= number <= len(classes):
        raise ValueError(f"class {number} of {len(classes)}")
    return classes[int(number) - 1]
