"""Read a CSV with one row per image, whatever a label is."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from fewlabels.data.dataset import TRAIN
from fewlabels.data.labels.annotations import Annotation, Annotations, Difference, L
from fewlabels.data.labels.csv_rows import BadRow, ImageIndex, open_columns, split_of, unused_columns, values_of
from fewlabels.data.labels.exported import ExportedLabels
from fewlabels.data.labels.faults import Fault


def read_row_per_image(
    file: Path,
    files: Sequence[str],
    columns: Sequence[str],
    parse: Callable[[Mapping[str, str], str], L | None],
    difference: Difference[L],
) -> Annotations[L]:
    """Read the columns ``path``, those of the label and, if there, ``split`` (train, val or test; empty is train).

    Args:
        file: CSV.
        files: the images of the data set.
        columns: of the label, in lower case.
        parse: read the label from the cells of a row and the path of its image; raise BadRow if it is wrong.
        difference: compare the labels of two rows of one image.

    Raises:
        UserError: the file cannot be opened.
    """
    found: Annotations[L] = Annotations()
    table = open_columns(file, ("path", *columns))
    if isinstance(table, list):
        found.faults += table
        return found
    names = table.names
    found.notes += unused_columns(file, names, (*columns, "given"))
    index, exported = ImageIndex(files), ExportedLabels(names)
    for row in table.rows:
        try:
            cells = values_of(row, names, frozenset(("path", "split", *columns)))
            path = index.find(cells["path"])
            split = split_of(cells, path)
            label = parse(cells, path)
        except BadRow as bad:
            found.faults.append(Fault(row.where, *bad.args))
            continue
        exported.count(cells, label is not None)
        found.add(path, Annotation(label, TRAIN if split is None else split, row.where), difference)
    found.notes += exported.notes(file)
    return found
