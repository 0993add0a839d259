"""Visual Genome in its official objects, with classes and test images that the user lists."""

import json
from pathlib import Path

import pytest

from fewlabels.data.dataset import TEST, TRAIN
from fewlabels.data.labels.marks import MARKS
from fewlabels.data.read import read
from fewlabels.errors import UserError


def entry(image: int, *objects: tuple[str, str], key: str = "image_id") -> dict:
    return {key: image, "objects": [{"names": [name], "synsets": [synset], "object_id": 1} for name, synset in objects]}


@pytest.fixture
def genome(tmp_path: Path, paint) -> Path:
    paint("visual-genome/VG_100K/7.jpg", size=(90, 80))
    paint("visual-genome/VG_100K/5.jpg", size=(90, 80))
    paint("visual-genome/VG_100K_2/6.jpg", size=(90, 80))
    folder = tmp_path / "data/visual-genome"
    found = [entry(7, ("Tree ", "tree.n.01"), ("dog", "dog.n.01")), entry(5), entry(6, ("oak", "tree.n.01"))]
    (folder / "objects.json").write_text(json.dumps(found))
    (folder / "categories.txt").write_text("tree\nhot dog\ndog\n")
    (folder / "test.txt").write_text("6.jpg\n")
    return tmp_path / "data"


@pytest.mark.parametrize("folder", [".", "visual-genome"])
def test_a_class_is_present_where_an_object_has_its_name(genome: Path, folder: str) -> None:
    dataset = read(MARKS, "visual-genome", root=genome / folder)
    assert dataset.classes == ("tree", "hot dog", "dog")
    assert dataset.paths == ("VG_100K/7.jpg", "VG_100K/5.jpg", "VG_100K_2/6.jpg")
    assert dataset.labels.tolist() == [[1, -1, 1], [-1, -1, -1], [-1, -1, -1]]
    assert dataset.splits.tolist() == [TRAIN, TRAIN, TEST]


def test_classes_may_be_synsets(genome: Path) -> None:
    (genome / "visual-genome/categories.txt").write_text("tree.n.01\n")
    assert read(MARKS, "visual-genome", root=genome).labels.tolist() == [[1], [-1], [1]]


def test_the_first_version_of_the_file_calls_image_numbers_id(genome: Path) -> None:
    found = [entry(image, ("tree", ""), key="id") for image in (5, 6, 7)]
    (genome / "visual-genome/objects.json").write_text(json.dumps(found))
    assert (read(MARKS, "visual-genome", root=genome).labels[:, 0] == 1).all()


def test_without_a_list_of_test_images_all_are_for_training_with_a_note(genome: Path) -> None:
    (genome / "visual-genome/test.txt").unlink()
    dataset = read(MARKS, "visual-genome", root=genome)
    assert dataset.splits.tolist() == [TRAIN] * 3
    assert "without 'test.txt'" in dataset.notes[0]


def test_a_missing_list_of_classes_is_explained(genome: Path) -> None:
    (genome / "visual-genome/categories.txt").unlink()
    with pytest.raises(UserError, match=r"categories\.txt' for the data set 'visual-genome' .*not public.*--root"):
        read(MARKS, "visual-genome", root=genome)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("categories.txt", "", "it is empty"),
        ("categories.txt", "tree\nTree\n", "there twice"),
        ("test.txt", "8\n", "names image 8, which 'objects.json' lacks"),
        ("objects.json", "[]", "it is empty"),
        ("objects.json", '[{"image_id": 5, "objects": []}, {"image_id": 5, "objects": []}]', "there twice"),
        ("objects.json", '[{"objects": []}]', "damaged"),
        ("objects.json", '{"a": 1}', "damaged"),
    ],
)
def test_a_damaged_file_is_named(genome: Path, name: str, text: str, words: str) -> None:
    (genome / "visual-genome" / name).write_text(text)
    with pytest.raises(UserError, match=rf"{name.replace('.', '[.]')}.*{words}"):
        read(MARKS, "visual-genome", root=genome)
