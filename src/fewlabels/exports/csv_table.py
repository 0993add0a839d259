"""CSV: the rows of the ledger for labels that the run found. ``train`` reads them as ``--labels``."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from fewlabels.exports.run_labels import RunLabels


def csv_table(found: RunLabels) -> str:
    """Return the CSV text: all columns of the ledger but the split, which is ``train`` in every row.

    The column ``given`` is empty where no person gave the label, so that a reader can tell the two apart.
    """
    columns = [name for name in found.task.columns if name != "split"]
    return csv_text(columns, [[row[name] for name in columns] for row in found.rows])


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
