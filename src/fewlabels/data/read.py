"""The one way in: a folder, or the name of a known data set."""

from pathlib import Path

from fewlabels.data.dataset import Dataset
from fewlabels.data.decode import Progress
from fewlabels.data.folder import read_folder
from fewlabels.data.known import KNOWN_NAMES, known
from fewlabels.errors import UserError, nearest


def read(
    data: str, labels: Path | None, root: Path, skip_bad: bool = False, progress: Progress | None = None
) -> Dataset:
    """Read a folder if ``data`` is the path of one, else the known data set of that name.

    Args:
        data: folder, or one of ``KNOWN_NAMES``.
        labels: CSV for a folder, see :func:`fewlabels.data.folder.read_folder`.
        root: where the files of known data sets lie.
        skip_bad: leave out faulty images instead of raising.
        progress: called with (done, total) while images are decoded.

    Raises:
        UserError: there is neither, or (DataFaults) something in the folder is wrong.
    """
    found = find(data, labels, root)
    return found if isinstance(found, Dataset) else read_folder(found, labels, skip_bad, progress)


def find(data: str, labels: Path | None, root: Path) -> Path | Dataset:
    """The folder that ``data`` means, not yet looked at, or the known data set."""
    folder = Path(data)
    if folder.exists():
        return folder
    if data.lower() not in KNOWN_NAMES:
        hint = nearest(data, KNOWN_NAMES)
        raise UserError(f"no folder '{data}' and no known data set of that name; {hint}")
    if labels is not None:
        raise UserError(f"the known data set '{data}' has its own labels; --labels is for a folder of images")
    dataset = known(data.lower(), root)
    assert dataset is not None
    return dataset
