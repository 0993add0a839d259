"""Stanford Cars (Krause, Stark, Deng and Fei-Fei, 2013): whole photographs of 196 models of cars.

Its lists are MATLAB files, which scipy reads; they are no pickle.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.known.files import explain_damage, first_file, require_file
from fewlabels.data.known.formats import load_mat
from fewlabels.data.known.official_lists import ListedImage, OfficialLists

_LISTS = ("cars_train_annos", "cars_test_annos_withlabels", "cars_meta")
_FOLDERS = ("", "stanford_cars/", "cars/")
_SPLITS = {0: TRAIN, 1: TEST}


def read_cars(root: Path) -> OfficialLists[str]:
    """Read the lists of 8,144 / 8,041 images: ``cars_annos.mat`` with ``car_ims/``, or the devkit.

    Args:
        root: holds the files itself, in ``stanford_cars/`` or in ``cars/``.

    Raises:
        UserError: a file is missing or damaged, or lacks a field.
    """
    single = first_file(root, [f"{folder}cars_annos.mat" for folder in _FOLDERS])
    if single and (single.parent / "car_ims").is_dir():
        return _read_single(single)
    hint = f" ('{single}' is there, but not its images 'car_ims')" if single else ""
    files = {}
    for name in _LISTS:
        names = [f"{folder}{devkit}{name}.mat" for folder in _FOLDERS for devkit in ("devkit/", "")]
        shown = names[:1] if single else [names[0], "cars_annos.mat"]
        files[name] = require_file("cars", root, names, shown, hint)
    folder = files["cars_train_annos"].parent
    return _read_devkit(files, folder.parent if folder.name == "devkit" else folder)


def _read_devkit(files: Mapping[str, Path], folder: Path) -> OfficialLists[str]:
    """Read ``annotations`` of fname and class (from 1) for each split, and ``class_names``.

    Args:
        files: by the names in ``_LISTS``.
        folder: holds ``cars_train/`` and ``cars_test/``.
    """
    with explain_damage(files["cars_meta"]):
        classes = _class_names(load_mat(files["cars_meta"], "class_names"))
    images: list[ListedImage[str]] = []
    for part, name, split in (("cars_train", _LISTS[0], TRAIN), ("cars_test", _LISTS[1], TEST)):
        with explain_damage(files[name]):
            found = _annotations(load_mat(files[name], "annotations"), "fname", "class")
            for row, (path, number) in enumerate(found, 1):
                where = f"{name}.mat row {row}"
                images.append(ListedImage(where, f"{part}/{path}", _class(classes, number), split))
    return OfficialLists("cars", folder, ("cars_train", "cars_test"), classes, images)


def _read_single(file: Path) -> OfficialLists[str]:
    """Read ``annotations`` of relative_im_path, class (from 1) and test (0 or 1), and ``class_names``."""
    with explain_damage(file):
        content = load_mat(file, "class_names", "annotations")
        classes = _class_names(content)
        found = _annotations(content, "relative_im_path", "class", "test")
        images = [
            ListedImage(f"{file.name} row {row}", path, _class(classes, number), _SPLITS[int(test)])
            for row, (path, number, test) in enumerate(found, 1)
        ]
    return OfficialLists("cars", file.parent, ("car_ims",), classes, images)


def _class_names(content: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    names = tuple(str(cell.item()) for cell in content["class_names"].ravel())
    if len(set(names)) < len(names):
        raise ValueError("a class is there twice")
    return names


def _annotations(content: Mapping[str, np.ndarray], *fields: str) -> Iterator[tuple[Any, ...]]:
    """Yield the fields of each image, the first of which is its path; MATLAB wraps each value in a 1 x 1 matrix."""
    for record in content["annotations"].ravel():
        path, *others = (record[field].item() for field in fields)
        yield str(path), *others


def _class(classes: tuple[str, ...], number: Any) -> str:
    if not 1 <= number <= len(classes):
        raise ValueError(f"class {number} of {len(classes)}")
    return classes[int(number) - 1]
