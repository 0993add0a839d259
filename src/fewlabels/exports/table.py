"""The rows of the ledger that the run found out, as CSV: ``train`` reads them as ``--labels``."""

import csv
import io

from fewlabels.exports.run_labels import RunLabels

_EMPTY = ("path", "label", "confidence", "accepted")
"""Columns where the ledger has no row."""


def table(found: RunLabels) -> str:
    """All columns but the split, which is training, and the label that was given."""
    text = io.StringIO()
    columns = [name for name in found.columns if name not in ("split", "given")] or _EMPTY
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    return text.getvalue()
