"""What can be wrong with images and labels that are each sound alone."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from fewlabels.data.dataset import SPLITS, TEST, TRAIN
from fewlabels.data.labels.csv_labels import Given
from fewlabels.data.labels.faults import Fault, Note
from fewlabels.data.pixels.remember import Seen

IMBALANCE = 5
"""A note is due when one class has more than this many times the labels of another."""


def misspelt(counts: Mapping[str, int]) -> dict[str, str]:
    """Names that differ from a more frequent one only in case or spaces, each with that one."""
    alike: dict[str, list[str]] = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name)):
        alike["".join(unicodedata.normalize("NFKC", name).casefold().split())].append(name)
    return {other: most for most, *others in alike.values() for other in others}


def spelling(given: Mapping[str, Given]) -> list[Fault]:
    """Labels that differ only in case or spaces are one class, misspelt; the rarer spelling is the fault."""
    written: dict[str, list[str]] = defaultdict(list)
    for path, (label, _, _) in given.items():
        if label:
            written[label].append(path)
    faults = []
    for label, most in misspelt({label: len(paths) for label, paths in written.items()}).items():
        paths = written[label]
        what = f"label '{label}' ({len(paths)}x) differs from '{most}' ({len(written[most])}x) only in form"
        faults.append(Fault(given[paths[0]].where, what, "write both the same way", tuple(paths)))
    return faults


def duplicates(
    seen: Mapping[str, Seen], splits: Mapping[str, int], contradiction: Callable[[list[str]], tuple[str, str] | None]
) -> tuple[list[Fault], list[Note]]:
    """Files of the same bytes: a fault if what is said of them contradicts, or in test and elsewhere; else a note.

    Args:
        seen: all images.
        splits: of the images of which something is said; the others are training images.
        contradiction: of images that are the same, the first of two that are labelled differently, and how.
    """
    same: dict[str, list[str]] = defaultdict(list)
    for path, what in seen.items():
        if not what.fault:
            same[what.sha256].append(path)
    faults, notes = [], []
    for paths in same.values():
        if len(paths) == 1:
            continue
        tests = [path for path in paths if splits.get(path, TRAIN) == TEST]
        others = [path for path in paths if splits.get(path, TRAIN) != TEST]
        if contradicts := contradiction(paths):
            faults.append(Fault(*contradicts, "mend one label", tuple(paths)))
        elif tests and others:
            where = SPLITS[splits.get(others[0], TRAIN)]
            what = f"a {where} image, the same bytes as '{tests[0]}' in test"
            faults.append(Fault(others[0], what, "delete one of them", tuple(others)))
        else:
            notes += [Note("an exact copy", f"'{path}' is an exact copy of '{paths[0]}'") for path in paths[1:]]
    return faults, notes


def two_labels(given: Mapping[str, Given], paths: list[str]) -> tuple[str, str] | None:
    """The first of two images of the same bytes with different labels, and what is wrong with it."""
    labels: dict[str, str] = {}
    for path in paths:
        if path in given and given[path].label:
            labels.setdefault(given[path].label, path)
    if len(labels) < 2:
        return None
    (label, path), (other, copy), *_ = labels.items()
    return path, f"the same bytes as '{copy}', but labelled '{label}' and that '{other}'"


def without_label(given: Mapping[str, Given]) -> list[Fault]:
    """Classes that only val or test has. Data that has no training label at all is for predict and evaluate."""
    train = {g.label for g in given.values() if g.split == TRAIN}
    if not any(train):
        return []
    faults = []
    for label in sorted({g.label for g in given.values()} - train - {""}):
        paths = tuple(path for path, g in given.items() if g.label == label)
        what = f"class '{label}' has no labelled training image"
        faults.append(Fault(given[paths[0]].where, what, "label one in train, or remove the class", paths))
    return faults


def other_folder(given: Mapping[str, Given]) -> list[Note]:
    """Images that lie in the folder of another class than their label."""
    classes = {g.label for g in given.values() if g.label}
    notes = []
    for path, (label, _, where) in given.items():
        folder = PurePosixPath(path).parent.name
        if label and folder in classes and folder != label:
            text = f"{where}: '{path}' is labelled '{label}' but lies in the folder '{folder}'"
            notes.append(Note("another class's folder", text))
    return notes


def other_split(paths: list[str], splits: Mapping[str, int]) -> list[Note]:
    """Images that are trained on although their top folder is called val or test."""
    notes = []
    for name in SPLITS[1:]:
        inside = [p for p in paths if p.startswith(f"{name}/") and splits.get(p, TRAIN) == TRAIN]
        if inside:
            text = f"{len(inside)} images in {name}/ are used for training: the labels do not put them into '{name}'"
            notes.append(Note("", text))
    return notes


def imbalance(given: Mapping[str, Given]) -> list[Note]:
    """Says so when the labels of the training images are far from even."""
    counts = Counter(g.label for g in given.values() if g.label and g.split == TRAIN).most_common()
    if not counts or counts[0][1] <= IMBALANCE * counts[-1][1]:
        return []
    (most, many), (least, few) = counts[0], counts[-1]
    return [Note("", f"the labels are uneven: class '{most}' has {many} and '{least}' {few}")]
