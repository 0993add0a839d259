"""Read the labels of images from the folders that the images are in."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from fewlabels.data.dataset import SPLITS, TRAIN
from fewlabels.data.labels.annotations import Annotation, Annotations
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.errors import nearest

_UNLABELLED = frozenset(("unlabelled", "unlabeled"))


def read_tree(files: Sequence[str]) -> Annotations[str]:
    """Read classes and splits from paths: ``cat/1.png``, ``test/dog/2.png``, ``train/unlabelled/3.png``.

    The class is the top folder, or the folder below ``train/``, ``val/`` or ``test/`` where these are the top folders.
    Deeper folders have no meaning. Images outside the class folders or in ``unlabelled/`` have no label.
    """
    found: Annotations[str] = Annotations(from_folders=True)
    folders_of = {path: PurePosixPath(path).parts[:-1] for path in files}
    tops = {folders[0] for folders in folders_of.values() if folders} - _UNLABELLED
    if _are_splits(tops, folders_of.values()):
        for top in sorted(tops.difference(SPLITS)):
            found.faults.append(_not_a_split(top, folders_of))
        placed = {path: (SPLITS.index(f[0]), f[1:]) for path, f in folders_of.items() if f and f[0] in SPLITS}
    elif len(tops) == 1 and not any(_UNLABELLED.intersection(folders[:1]) for folders in folders_of.values()):
        found.notes.append(Note("", f"the single folder '{tops.pop()}' is no class: its images are unlabelled"))
        return found
    else:
        placed = {path: (TRAIN, folders) for path, folders in folders_of.items()}
    for path, (split, folders) in placed.items():
        label = folders[0] if folders and folders[0] not in _UNLABELLED else None
        found.images[path] = Annotation(label, split, path)
    found.notes += _placement_notes(placed, tops)
    return found


def _are_splits(tops: set[str], folders: Iterable[tuple[str, ...]]) -> bool:
    """Return whether the top folders are splits, and not classes one of which happens to be called "train"."""
    if tops and tops.issubset(SPLITS):
        return True
    with_subfolders = {f[0] for f in folders if len(f) > 1}
    return bool(with_subfolders.intersection(SPLITS))


def _not_a_split(top: str, folders_of: dict[str, tuple[str, ...]]) -> Fault:
    images = tuple(path for path, folders in folders_of.items() if folders[:1] == (top,))
    hint = {"valid": "did you mean 'val'?", "validation": "did you mean 'val'?"}.get(top, nearest(top, SPLITS))
    return Fault(f"{top}/", "is next to train/, val/ or test/ but is none of them", f"rename it ({hint})", images)


def _placement_notes(placed: dict[str, tuple[int, tuple[str, ...]]], tops: set[str]) -> list[Note]:
    notes = []
    loose = sorted(path for path, (_, folders) in placed.items() if not folders)
    if loose and tops:
        count = f"{len(loose)} image{'s are' if len(loose) > 1 else ' is'}"
        notes.append(Note("", f"{count} outside the class folders and so unlabelled (first '{loose[0]}')"))
    deep = {f[0]: path for path, (_, f) in placed.items() if len(f) > 1 and f[0] not in _UNLABELLED}
    for label, path in sorted(deep.items()):
        notes.append(Note("a folder inside a class folder", f"'{path}' is read as class '{label}'"))
    return notes
