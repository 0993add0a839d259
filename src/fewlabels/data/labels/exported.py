"""Labels that a model wrote: a CSV that ``fewlabels label`` exported, read as labels for training."""

from collections.abc import Collection, Mapping
from pathlib import Path

from fewlabels.data.labels.faults import Note


class ExportedLabels:
    """Counts the labels of a CSV that no person gave.

    Such a CSV has the columns of the ledger: ``given`` is empty where ``label`` is a pseudo-label. Without the column
    ``given``, the columns ``confidence`` and ``accepted`` together mean that every label is a pseudo-label.
    """

    def __init__(self, columns: Collection[str]) -> None:
        self._has_given = "given" in columns
        self._exported = self._has_given or {"confidence", "accepted"}.issubset(columns)
        self._labels = self._not_given = self._not_accepted = 0

    def count(self, cells: Mapping[str, str], labelled: bool) -> None:
        """Count a row, given by its cells by column, and whether it states a label."""
        if not labelled:
            return
        self._labels += 1
        if not cells.get("given"):
            self._not_given += 1
            self._not_accepted += cells.get("accepted") != "1"

    def notes(self, file: Path) -> list[Note]:
        """Say how many labels no person gave; nothing where a person gave all."""
        if not self._exported or not self._not_given:
            return []
        column = "'given' is empty" if self._has_given else "'accepted' of an export, and none 'given'"
        text = f"{self._not_given} of {self._labels} labels in {file.name} were not given by a person (column {column})"
        advice = "export with --accepted to keep only the accepted ones" if self._not_accepted else "all are accepted"
        return [Note("", f"{text}; {advice}")]
