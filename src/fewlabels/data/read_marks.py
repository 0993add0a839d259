"""The one way in for several labels per image: a folder, or the name of a known data set."""

from pathlib import Path

from fewlabels.data.check import Report
from fewlabels.data.dataset import Dataset
from fewlabels.data.known.multi_label import REGISTRY
from fewlabels.data.known.official_marks import OfficialMarks, survey_official
from fewlabels.data.labels.faults import Note
from fewlabels.data.labels.folder import accept
from fewlabels.data.labels.marks_folder import survey_marks
from fewlabels.data.pixels.decode import DecodeProgress


def read_marks(
    data: str, labels: Path | None, root: Path, skip_bad: bool = False, progress: DecodeProgress | None = None
) -> Dataset:
    """Read a folder if ``data`` is the path of one, else the known data set of that name.

    Args:
        data: folder, or one of ``KNOWN_MARKS_NAMES``.
        labels: CSV for a folder, see :func:`fewlabels.data.labels.marks_csv.read_marks_csv`; None: its ``labels.csv``.
        root: where the files of known data sets lie.
        skip_bad: leave out faulty images instead of raising.
        progress: called with (done, total) while images are decoded.

    Returns:
        ``labels`` are (N, K) int8: PRESENT, ABSENT or UNKNOWN.

    Raises:
        UserError: there is neither, or (DataFaults) something in the folder is wrong.
    """
    found = REGISTRY.find(data, labels, root)
    if isinstance(found, Dataset):
        return found
    if isinstance(found, OfficialMarks):
        return accept(survey_official(found, progress), skip_bad, found.name, "--root", root)
    command = (found, "--labels", labels) if labels else (found,)
    return accept(survey_marks(found, labels, progress), skip_bad, *command)


def check_marks(data: str, labels: Path | None, root: Path, progress: DecodeProgress | None = None) -> Report:
    """Look at every image and mark. Arguments as in :func:`read_marks`.

    Raises:
        UserError: there are no such data to check.
    """
    found = REGISTRY.find(data, labels, root)
    if isinstance(found, Dataset):
        return Report(found, (), tuple(Note("", note) for note in found.notes))
    official = isinstance(found, OfficialMarks)
    result = survey_official(found, progress) if official else survey_marks(found, labels, progress)
    return Report(result.dataset, result.faults, result.notes)
