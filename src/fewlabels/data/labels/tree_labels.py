"""Read which image has which label from the folders that the images lie in."""

from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from fewlabels.data.dataset import SPLITS, TRAIN
from fewlabels.data.labels.csv_labels import Given, Labels
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.errors import nearest

_UNLABELLED = frozenset(("unlabelled", "unlabeled"))


def read_tree(files: Sequence[str]) -> Labels:
    """Take labels and splits from the paths: ``cat/1.png``, ``test/dog/2.png``, ``train/unlabelled/3.png``.

    The class is the top folder, or the folder below ``train/``, ``val/`` or ``test/`` where these are the top folders;
    what lies deeper has no meaning. Images beside the class folders or in ``unlabelled/`` have no label.
    """
    labels = Labels(folder_is_class=True)
    parts = {path: PurePosixPath(path).parts[:-1] for path in files}
    tops = {folders[0] for folders in parts.values() if folders} - _UNLABELLED
    if _are_splits(tops, parts.values()):
        for top in sorted(tops.difference(SPLITS)):
            labels.faults.append(_stray(top, parts))
        placed = {path: (SPLITS.index(f[0]), f[1:]) for path, f in parts.items() if f and f[0] in SPLITS}
    elif len(tops) == 1 and not any(_UNLABELLED.intersection(folders[:1]) for folders in parts.values()):
        labels.notes.append(Note("", f"one folder '{tops.pop()}' alone is no class: its images are unlabelled"))
        return labels
    else:
        placed = {path: (TRAIN, folders) for path, folders in parts.items()}
    for path, (split, folders) in placed.items():
        label = folders[0] if folders and folders[0] not in _UNLABELLED else ""
        labels.given[path] = Given(label, split, path)
    _note_placement(placed, tops, labels)
    return labels


def _are_splits(tops: set[str], folders: Iterable[tuple[str, ...]]) -> bool:
    """Are the top folders splits, and not classes one of which happens to be called "train"?"""
    if tops and tops.issubset(SPLITS):
        return True
    with_classes = {f[0] for f in folders if len(f) > 1}
    return bool(with_classes.intersection(SPLITS))


def _stray(top: str, parts: dict[str, tuple[str, ...]]) -> Fault:
    images = tuple(path for path, folders in parts.items() if folders[:1] == (top,))
    hint = {"valid": "did you mean 'val'?", "validation": "did you mean 'val'?"}.get(top, nearest(top, SPLITS))
    return Fault(f"{top}/", "lies beside train/, val/ or test/ but is none of them", f"rename it ({hint})", images)


def _note_placement(placed: dict[str, tuple[int, tuple[str, ...]]], tops: set[str], labels: Labels) -> None:
    loose = sorted(path for path, (_, folders) in placed.items() if not folders)
    if loose and tops:
        count = f"{len(loose)} image{'s lie' if len(loose) > 1 else ' lies'}"
        labels.notes.append(Note("", f"{count} outside the class folders and so have no label (first '{loose[0]}')"))
    deep = {f[0]: path for path, (_, f) in placed.items() if len(f) > 1 and f[0] not in _UNLABELLED}
    for label, path in sorted(deep.items()):
        labels.notes.append(Note("a folder inside a class folder", f"'{path}' is taken as class '{label}'"))
