"""The known data set ``digit-scenes``, and the names of known data sets with several labels per image."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fewlabels.data.check import Report
from fewlabels.data.dataset import TEST, TRAIN, ArrayImages, Dataset
from fewlabels.data.known.catalogue import known_names
from fewlabels.data.known.scenes import Scenes, draw_scenes
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.errors import UserError


@pytest.fixture(scope="module")
def scenes() -> Iterator[tuple[Dataset, list[int]]]:
    """Return the data set with a fiftieth of its scenes, and the numbers of scenes it asked for."""
    asked = []

    def draw(count: int, *rest: Any) -> Scenes:
        asked.append(count)
        return draw_scenes(count // 50, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fewlabels.data.known.scenes.draw_scenes", draw)
        yield read(MARKS, "digit-scenes", root=Path()), asked


def test_digit_scenes_have_one_to_four_digits_all_known(scenes: tuple[Dataset, list[int]]) -> None:
    dataset, asked = scenes
    assert asked == [1500, 500]
    assert (dataset.labels.dtype, dataset.labels.shape) == (np.int8, (40, 10))
    assert set(np.unique(dataset.labels).tolist()) == {-1, 1}
    assert set((dataset.labels == 1).sum(1).tolist()) == {1, 2, 3, 4}
    assert (len(dataset.rows(TRAIN)), len(dataset.rows(TEST)), dataset.flip) == (30, 10, "none")
    assert (dataset.paths[0], dataset.paths[-1]) == ("train/000000", "test/000009")


def test_digit_scenes_show_the_digits_they_are_marked_with(scenes: tuple[Dataset, list[int]]) -> None:
    dataset, _ = scenes
    assert isinstance(dataset.images, ArrayImages)
    drawn = draw_scenes(30, 0, "train", (1, 4)), draw_scenes(10, 0, "test", (1, 4))
    np.testing.assert_array_equal(dataset.images.pixels, np.concatenate([one.pixels for one in drawn]))
    np.testing.assert_array_equal(dataset.labels == 1, np.concatenate([one.present for one in drawn]))


def test_the_summary_of_a_check_counts_marks(scenes: tuple[Dataset, list[int]]) -> None:
    assert (
        "30 labelled and 0 unlabelled for training, 10 for test, 100.0% of the training labels known"
        in (Report(MARKS, scenes[0]).lines()[0])
    )


@pytest.mark.parametrize("name", [name for name in known_names(MARKS) if name != "digit-scenes"])
def test_missing_files_are_named_with_a_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=rf"{tmp_path}.*'{name}'.*--root") as caught:
        read(MARKS, name, root=tmp_path)
    assert "\n" not in str(caught.value)


def test_a_name_of_the_other_kind_of_labels_is_refused() -> None:
    with pytest.raises(UserError, match="no known data set of that name with several labels per image"):
        read(MARKS, "mnist")
