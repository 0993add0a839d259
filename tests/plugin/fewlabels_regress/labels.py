"""One number per image: the reader of task ``regress``."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from fewlabels.data.labels.kind import LabelKind

from fewlabels.data.labels.csv_rows import BadRow

NO_NUMBER = float("nan")


class NumberLabels(LabelKind[float]):
    """A label is a number. In ``Dataset.labels`` it is (N,) float32, not a number where there is none."""

    title: ClassVar[str] = "one number per image"
    columns: ClassVar[tuple[str, ...]] = ("value",)

    def parse(self, cells: Mapping[str, str], path: str) -> float | None:
        """Read the number of one image; an empty cell is no label."""
        if not cells["value"]:
            return None
        try:
            return float(cells["value"])
        except ValueError:
            raise BadRow(f"'{cells['value']}' of '{path}' is not a number", "write a number, or nothing") from None

    def to_array(
        self, labels: Sequence[float | None], classes: tuple[str, ...] | None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Return one output, called value, and the numbers."""
        return ("value",), np.array([NO_NUMBER if label is None else label for label in labels], np.float32)

    def is_labelled(self, labels: np.ndarray) -> np.ndarray:
        """Return which images have a number, (N,) bool."""
        return ~np.isnan(labels)


NUMBERS = NumberLabels()
