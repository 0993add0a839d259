"""The one way in: a folder, or the name of a known data set; or two of them, for domain adaptation."""

from pathlib import Path

from fewlabels.data.adapt import adapt
from fewlabels.data.dataset import Dataset
from fewlabels.data.known.official_lists import OfficialLists, survey_lists
from fewlabels.data.known.single_label import REGISTRY
from fewlabels.data.labels.folder import accept, read_folder
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.errors import UserError


def read(
    data: str,
    labels: Path | None,
    root: Path,
    skip_bad: bool = False,
    progress: DecodeProgress | None = None,
    labelled_from: str | None = None,
) -> Dataset:
    """Read a folder if ``data`` is the path of one, else the known data set of that name.

    Args:
        data: folder, or one of ``KNOWN_NAMES``.
        labels: CSV for a folder, see :func:`fewlabels.data.labels.folder.read_folder`.
        root: where the files of known data sets lie.
        skip_bad: leave out faulty images instead of raising.
        progress: called with (done, total) while images are decoded.
        labelled_from: another folder or name, of which the labelled images are, see :func:`fewlabels.data.adapt.adapt`;
            ``data`` then gives the unlabelled and the test images.

    Raises:
        UserError: there is neither, or (DataFaults) something in the folder is wrong.
    """
    dataset = _read(find(data, labels, root), labels, root, skip_bad, progress)
    if labelled_from is None:
        return dataset
    if _same(data, labelled_from):
        raise UserError(f"--labelled-from {labelled_from} names the data set itself; leave it out, or name another")
    return adapt(dataset, _read(find(labelled_from, None, root), None, root, skip_bad, progress))


def find(data: str, labels: Path | None, root: Path) -> Path | Dataset | OfficialLists:
    """The folder that ``data`` means, not yet looked at, or the known data set, whose files are not yet looked at."""
    return REGISTRY.find(data, labels, root)


def _read(
    found: Path | Dataset | OfficialLists,
    labels: Path | None,
    root: Path,
    skip_bad: bool,
    progress: DecodeProgress | None,
) -> Dataset:
    if isinstance(found, Dataset):
        return found
    if isinstance(found, OfficialLists):
        return accept(survey_lists(found, progress), skip_bad, found.name, "--root", root)
    return read_folder(found, labels, skip_bad, progress)


def _same(data: str, other: str) -> bool:
    one, two = Path(data), Path(other)
    return one.resolve() == two.resolve() if one.exists() and two.exists() else data.lower() == other.lower()
