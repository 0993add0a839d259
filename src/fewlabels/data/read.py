"""Read a folder of images, or a known data set by its name."""

from pathlib import Path

from fewlabels.data.dataset import Dataset
from fewlabels.data.known.catalogue import find_data
from fewlabels.data.known.official_lists import OfficialLists, survey_lists
from fewlabels.data.labels.annotations import Annotations, L
from fewlabels.data.labels.classes import CLASSES
from fewlabels.data.labels.faults import DataFaults, Note, shortened
from fewlabels.data.labels.kind import LabelKind
from fewlabels.data.labels.survey import Survey, make_dataset, survey_folder
from fewlabels.data.pixels.decode import DecodeProgress
from fewlabels.data.pixels.scan import ScannedImages, faults_of, find_images, good_images, scan_images


def read(
    kind: LabelKind[L],
    data: str,
    labels: Path | None = None,
    root: Path = Path(),
    skip_bad: bool = False,
    progress: DecodeProgress | None = None,
) -> Dataset:
    """Read a folder if ``data`` is the path of one, else the known data set of that name.

    Args:
        kind: what a label is: ``CLASSES``, ``MARKS``, or the kind of another task.
        data: a folder, or a name of :func:`fewlabels.data.known.catalogue.known_names`.
        labels: CSV for a folder. None: its ``labels.csv``, or the folders in it.
        root: the directory of the known data sets.
        skip_bad: leave out faulty images instead of raising.
        progress: called while images are decoded.

    Raises:
        UserError: there is no such folder or name, or (DataFaults) something in the data is wrong.
    """
    return survey(kind, data, labels, root, progress).accept(skip_bad, *_check_arguments(data, labels, root))


def survey(
    kind: LabelKind[L],
    data: str,
    labels: Path | None = None,
    root: Path = Path(),
    progress: DecodeProgress | None = None,
) -> Survey:
    """Find everything that is wrong with the data, without stopping at the first fault. Arguments as in :func:`read`.

    Raises:
        UserError: there is no such folder or name, or no image in it.
    """
    found = find_data(kind, data, labels, root)
    if isinstance(found, Dataset):
        return Survey(found, (), tuple(Note("", note) for note in found.notes))
    if isinstance(found, OfficialLists):
        return survey_lists(kind, found, progress)
    return survey_folder(kind, found, labels, progress)


def read_unlabelled(path: Path, skip_bad: bool = False, progress: DecodeProgress | None = None) -> Dataset:
    """Read the images of a folder, or one image file, without labels or classes, as ``predict`` is given them.

    Raises:
        DataFaults: an image is faulty and ``skip_bad`` is off, or no image is good.
        UserError: there is no such folder or file.
    """
    root, found = (path.parent, ScannedImages([path.name])) if path.is_file() else (path, find_images(path))
    scanned = scan_images(root, found.files, progress)
    faults = [*faults_of(scanned), *found.faults]
    images = good_images(root, scanned, faults)
    if images is None or (faults and not skip_bad):
        raise DataFaults(faults, path)
    dataset = make_dataset(CLASSES, root, images, Annotations())
    return dataset.with_notes(*shortened(found.notes), *(f"left out: {fault}" for fault in faults))


def _check_arguments(data: str, labels: Path | None, root: Path) -> tuple[str | Path, ...]:
    """Return the arguments with which ``fewlabels check`` finds the same data."""
    if not Path(data).exists():
        return data.lower(), "--root", root
    return (data, "--labels", labels) if labels else (data,)
