"""CSV: the rows of the ledger for labels that the run found. ``train`` reads them as ``--labels``."""

import csv
import io

from fewlabels.exports.run_labels import RunLabels


def csv_table(found: RunLabels) -> str:
    """Return the CSV text: all columns of the ledger but the split, which is ``train`` in every row.

    The column ``given`` is empty where no person gave the label, so that a reader can tell the two apart.
    """
    text = io.StringIO()
    columns = [name for name in found.task.columns if name != "split"]
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.rows)
    return text.getvalue()
