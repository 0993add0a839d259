"""What a reader of labels found: the label and the split of each image, and where the data state them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

from fewlabels.data.dataset import SPLITS
from fewlabels.data.labels.faults import Fault, Note, left_out

L = TypeVar("L")
"""The type of a label."""


class Annotation(NamedTuple, Generic[L]):
    """What the data state about one image."""

    label: L | None
    """None: the image is unlabelled."""
    split: int
    """TRAIN, VAL or TEST."""
    where: str
    """Where the data state it: ``labels.csv row 17``, or the path of the image in a class-per-folder tree."""


Difference = Callable[[L | None, L | None], tuple[str, str] | None]
"""Compare two labels: None if they are the same, else a short description of each."""


@dataclass
class Annotations(Generic[L]):
    """The annotations of a data set. An image without one is an unlabelled training image."""

    images: dict[str, Annotation[L]] = field(default_factory=dict)
    """By the path of the image."""
    classes: tuple[str, ...] | None = None
    """The names of the classes in their order. None: the classes that occur, sorted."""
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    from_folders: bool = False
    """The labels are the names of the folders."""

    def add(self, path: str, annotation: Annotation[L], difference: Difference[L]) -> None:
        """Add the annotation of an image. One that repeats an earlier one is noted, one that differs is a fault."""
        before = self.images.setdefault(path, annotation)
        if before is annotation:
            return
        differs = difference(annotation.label, before.label)
        if differs is None and annotation.split != before.split:
            differs = SPLITS[annotation.split], SPLITS[before.split]
        if differs is None:
            self.note_repeat(annotation.where, path, before.where)
        else:
            self.contradict(annotation.where, path, *differs, before.where)

    def note_repeat(self, where: str, path: str, before: str) -> None:
        """Note that a row repeats an earlier one."""
        self.notes.append(Note("a repeated row", f"{where}: '{path}' is already in {before}"))

    def contradict(self, where: str, path: str, this: str, other: str, before: str) -> None:
        """Add the fault that a row contradicts an earlier one."""
        what = f"'{path}' is {this} here but {other} in {before}"
        self.faults.append(Fault(where, what, "delete one of the rows", leave_out=(path,)))

    def without(self, faults: Iterable[Fault]) -> "Annotations[L]":
        """Return a copy without the images that the faults leave out."""
        out = left_out(faults)
        return replace(self, images={path: found for path, found in self.images.items() if path not in out})

    def splits(self) -> dict[str, int]:
        """Return the split of each annotated image."""
        return {path: found.split for path, found in self.images.items()}
