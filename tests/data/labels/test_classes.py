"""Class labels from a CSV as people and spreadsheets write it; faults are named with their row."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fewlabels.data.dataset import TEST, TRAIN, VAL
from fewlabels.data.labels.annotations import Annotations
from fewlabels.data.labels.classes import CLASSES
from fewlabels.errors import UserError

FILES = ["a.png", "b.png", "sub/c.png", "sub/d e.png"]


@pytest.fixture
def read(tmp_path: Path):
    def read(content: str | bytes) -> Annotations[str]:
        file = tmp_path / "labels.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return CLASSES.read_csv(file, FILES)

    return read


def table(labels: Annotations[str]) -> dict[str, tuple[str, int]]:
    return {path: (what.label or "", what.split) for path, what in labels.images.items()}


def only_fault(labels: Annotations[str]) -> str:
    assert len(labels.faults) == 1, labels.faults
    return str(labels.faults[0])


def test_paths_labels_and_splits_are_read(read) -> None:
    labels = read("path,label,split\na.png,cat,\nb.png,,train\nsub/c.png,dog,test\nsub/d e.png,dog,VAL\n")
    assert not labels.faults
    assert table(labels) == {
        "a.png": ("cat", TRAIN),
        "b.png": ("", TRAIN),
        "sub/c.png": ("dog", TEST),
        "sub/d e.png": ("dog", VAL),
    }


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffpath,label\r\na.png,cat\r\nsub/d e.png,dog\r\n",
        "path;label\na.png;cat\nsub/d e.png;dog",
        "path\tlabel\na.png\tcat\nsub/d e.png\tdog\n",
        '"path","label"\n"a.png","cat"\n"sub/d e.png", "dog"\n',
        "\n Path , Label \n\n  a.png ,cat  \n\n ./sub/d e.png, dog\n , \n",
        "path,label\ra.png,cat\rsub\\d e.png,dog\r",
        "label,path\ncat,a.png\ndog,sub/../sub/d e.png\n",
        "path,label\na.png,cat\nsub/d e.png,dog\n".encode("utf-16"),
    ],
    ids=["excel", "semicolon", "tab", "quoted", "spaces", "backslash and old mac", "other order", "utf-16"],
)
def test_what_spreadsheets_write_is_read(read, content: str | bytes) -> None:
    labels = read(content)
    assert not labels.faults
    assert table(labels) == {"a.png": ("cat", TRAIN), "sub/d e.png": ("dog", TRAIN)}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x.png,cat", ["no image 'x.png'"]),
        ("C.png,cat", ["no image 'C.png'", "did you mean 'sub/c.png'?"]),
        ("a.jpg,cat", ["no image 'a.jpg'", "did you mean 'a.png'?"]),
        (",cat", ["no path"]),
        ("../a.png,cat", ["'../a.png' leads out of"]),
        ("sub/../../data/a.png,cat", ["leads out of"]),
        ("/a.png,cat", ["absolute"]),
        ("C:\\a.png,cat", ["absolute"]),
        ("b.png,cat,tset", ["unknown split 'tset'", "did you mean 'test'?"]),
        ("b.png,cat,,extra", ["4 cells under 3 columns"]),
        ('"b.png,cat', ["no image"]),
        ('b.png,"cat\nsub/c.png,dog', ["quote"]),
        ('b.png,"cat' + "\nsub/c.png,dog" * 20000, ["quote"]),
        ("a.png,dog", ["'a.png' is 'dog' here but 'cat' in labels.csv row 3", "delete one"]),
        ("a.png,", ["'a.png' is unlabelled here but 'cat' in labels.csv row 3"]),
        ("a.png,cat,test", ["'a.png' is test here but train in labels.csv row 3"]),
    ],
)
def test_a_bad_row_is_named_by_its_line_in_the_file(read, row: str, words: list[str]) -> None:
    text = only_fault(read(f"path,label,split\n\na.png,cat\n{row}"))
    assert text.startswith("labels.csv row 4: ")
    for word in words:
        assert word in text
    assert "\n" not in text


def test_rows_after_a_bad_one_are_still_read(read) -> None:
    labels = read("path,label\nx.png,cat\nb.png,dog\ny.png,cat\n")
    assert [str(fault).split(":")[0] for fault in labels.faults] == ["labels.csv row 2", "labels.csv row 4"]
    assert table(labels) == {"b.png": ("dog", TRAIN)}


def test_an_image_with_an_unknown_split_is_left_out_not_trained_on(read) -> None:
    assert read("path,label,split\na.png,cat,holdout\n").faults[0].leave_out == ("a.png",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("filename,label\na.png,cat\n", ["no column 'path'", "did you mean 'filename'?"]),
        ("pth,label\na.png,cat\n", ["no column 'path'", "did you mean 'pth'?"]),
        ("path,class\na.png,cat\n", ["no column 'label'", "did you mean 'class'?"]),
        ("a.png,cat\nb.png,dog\n", ["no column 'path' among 'a.png', 'cat'", "the first line must name"]),
        ("path,label,label\na.png,cat,dog\n", ["'label' is there twice"]),
        ("", ["empty"]),
        ("\n\n", ["empty"]),
        ("path,label\na.png,caf\xe9\n".encode("latin-1"), ["row 2", "not UTF-8"]),
    ],
)
def test_a_bad_header_is_fatal_and_names_the_nearest_column(read, content: str | bytes, words: list[str]) -> None:
    labels = read(content)
    assert all(fault.fatal for fault in labels.faults)
    for word in words:
        assert word in str(labels.faults[0])


def test_the_same_row_twice_is_a_note(read) -> None:
    labels = read("path,label\na.png,cat\n./a.png,cat\n")
    assert not labels.faults
    assert [str(note) for note in labels.notes] == ["labels.csv row 3: 'a.png' is already in labels.csv row 2"]


def test_other_columns_are_noted_and_reserved_ones_are_not(read) -> None:
    labels = read("path,label,x0,y0,x1,y1,width,height,Caption\na.png,cat,1,2,3,4,5,6,hello\n")
    assert not labels.faults
    assert [str(note) for note in labels.notes] == ["labels.csv: not used: column 'caption'"]


def test_labels_that_look_like_a_missing_label_are_noted(read) -> None:
    labels = read("path,label\na.png,-1\nb.png,cat\n")
    assert table(labels)["a.png"] == ("-1", TRAIN)
    assert "'-1' is read as the name of a class" in str(labels.notes[0])


def exported(read, content: str) -> list[str]:
    return [str(note) for note in read(content).notes if "not given by a person" in str(note)]


def test_labels_of_an_exported_ledger_that_nobody_gave_are_counted(read) -> None:
    rows = ["a.png,train,cat,cat,0.9,1", "b.png,train,,dog,0.97,1", "sub/c.png,train,,cat,0.4,0"]
    header = "path,split,given,label,confidence,accepted"
    assert exported(read, "\n".join([header, *rows])) == [
        "2 of 3 labels in labels.csv were not given by a person (column 'given' is empty); "
        "export with --accepted to keep only the accepted ones"
    ]
    (note,) = exported(read, "\n".join([header, *rows[:2]]))
    assert note.startswith("1 of 2 labels in labels.csv")
    assert note.endswith("; all are accepted")


def test_an_export_without_the_column_given_has_no_label_that_a_person_gave(read) -> None:
    (note,) = exported(read, "path,label,confidence,accepted\na.png,cat,0.9,1\nb.png,dog,0.3,0\n")
    assert note.startswith("2 of 2 labels in labels.csv were not given by a person")
    assert note.endswith("export with --accepted to keep only the accepted ones")


@pytest.mark.parametrize(
    "content",
    [
        "path,label\na.png,cat\n",
        "path,label,confidence\na.png,cat,0.9\n",
        "path,given,label\na.png,cat,cat\nb.png,,\n",
    ],
    ids=["labels", "an annotator's confidence", "all given"],
)
def test_labels_that_a_person_gave_are_not_noted(read, content: str) -> None:
    assert exported(read, content) == []


def test_a_missing_csv_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the labels"):
        CLASSES.read_csv(tmp_path / "none.csv", FILES)


_cells = st.sampled_from(
    ["path", "label", "split", "a.png", "sub/c.png", "..", "/", "cat", '"', "test", ",", ";", "\t"]
)
_text = st.lists(st.one_of(_cells, st.sampled_from(["\n", "\r", "\x00", " "]), st.text(max_size=5))).map("".join)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.binary(max_size=200), _text, _text.map(lambda text: f"path,label,split\n{text}")))
def test_no_garbage_raises_or_names_a_file_that_is_not_there(read, content: bytes | str) -> None:
    labels = read(content.encode(errors="surrogatepass") if isinstance(content, str) else content)
    assert set(labels.images) <= set(FILES)
    assert all("\n" not in str(fault) for fault in labels.faults)
