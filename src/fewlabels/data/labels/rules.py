"""What can be wrong with images together, whatever their labels are."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from fewlabels.data.dataset import SPLITS, TEST, TRAIN
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.pixels.scan_cache import ScanResult


def duplicates(
    scanned: Mapping[str, ScanResult],
    splits: Mapping[str, int],
    conflict: Callable[[list[str]], tuple[str, str] | None],
) -> tuple[list[Fault], list[Note]]:
    """Find files with the same bytes: a fault if their labels conflict or only some are in test, else a note.

    Args:
        scanned: all images, by path.
        splits: of the annotated images; the others are training images.
        conflict: compare the labels of copies, as :meth:`LabelKind.conflict`.
    """
    same: dict[str, list[str]] = defaultdict(list)
    for path, result in scanned.items():
        if not result.fault:
            same[result.sha256].append(path)
    faults, notes = [], []
    for paths in same.values():
        if len(paths) == 1:
            continue
        tests = [path for path in paths if splits.get(path, TRAIN) == TEST]
        others = [path for path in paths if splits.get(path, TRAIN) != TEST]
        if found := conflict(paths):
            faults.append(Fault(*found, "correct one label", tuple(paths)))
        elif tests and others:
            where = SPLITS[splits.get(others[0], TRAIN)]
            what = f"a {where} image, the same bytes as '{tests[0]}' in test"
            faults.append(Fault(others[0], what, "delete one of them", tuple(others)))
        else:
            notes += [Note("an exact copy", f"'{path}' is an exact copy of '{paths[0]}'") for path in paths[1:]]
    return faults, notes


def trained_on_despite_folder(paths: Sequence[str], splits: Mapping[str, int]) -> list[Note]:
    """Note training images whose top folder is called val or test."""
    notes = []
    for name in SPLITS[1:]:
        inside = [path for path in paths if path.startswith(f"{name}/") and splits.get(path, TRAIN) == TRAIN]
        if inside:
            text = f"{len(inside)} images in {name}/ are used for training: the labels do not put them into '{name}'"
            notes.append(Note("", text))
    return notes
