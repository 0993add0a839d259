"""Known data sets by name, and what is said where a name is neither a folder nor one of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from fewlabels.errors import UserError, nearest

T = TypeVar("T")


class Registry(Generic[T]):
    """The readers of one kind of known data sets; each is given the folder that holds the files."""

    def __init__(self, kind: str = "") -> None:
        """``kind`` ends the sentence "no known data set of that name"."""
        self._readers: dict[str, Callable[[Path], T]] = {}
        self._kind = kind

    def register(self, name: str) -> Callable[[Callable[[Path], T]], Callable[[Path], T]]:
        """Put the function below under this name."""

        def add(reader: Callable[[Path], T]) -> Callable[[Path], T]:
            self._readers[name] = reader
            return reader

        return add

    @property
    def names(self) -> tuple[str, ...]:
        """In the order of registration."""
        return tuple(self._readers)

    def read(self, name: str, root: Path) -> T | None:
        """What the reader of that name finds under ``root``; None where there is none. Raises what the reader does."""
        reader = self._readers.get(name)
        return reader(root) if reader else None

    def find(self, data: str, labels: Path | None, root: Path) -> Path | T:
        """The folder that ``data`` means, not yet looked at, or the known data set of that name in any case.

        Raises:
            UserError: it is neither, or a known data set is to have other labels than its own.
        """
        folder = Path(data)
        if folder.exists():
            return folder
        if data.lower() not in self._readers:
            hint = nearest(data, self.names)
            raise UserError(f"no folder '{data}' and no known data set of that name{self._kind}; {hint}")
        if labels is not None:
            raise UserError(f"the known data set '{data}' has its own labels; --labels is for a folder of images")
        return self._readers[data.lower()](root)
