"""Marks from a CSV in both forms; faults are named with their row."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fewlabels.data.dataset import ABSENT, PRESENT, TEST, TRAIN, UNKNOWN, VAL
from fewlabels.data.labels.annotations import Annotations
from fewlabels.data.labels.marks_csv import is_marks_csv, read_marks_csv
from fewlabels.errors import UserError

FILES = ["a.png", "b.png", "sub/c.png", "d.png"]
Read = Callable[[str | bytes], Annotations[np.ndarray]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(content: str | bytes) -> Annotations[np.ndarray]:
        file = tmp_path / "labels.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_marks_csv(file, FILES)

    return read


def table(marks: Annotations[np.ndarray]) -> dict[str, tuple[list[int], int]]:
    return {
        path: (found.label.tolist(), found.split) for path, found in marks.images.items() if found.label is not None
    }


def only_fault(marks: Annotations[np.ndarray]) -> str:
    assert len(marks.faults) == 1, marks.faults
    return str(marks.faults[0])


def test_the_wide_form_has_a_column_for_each_class_in_the_order_of_the_file(read: Read) -> None:
    marks = read("path,split,dog,Cat\na.png,,1,0\nb.png,val,,-1\nsub/c.png,TEST,0,1\nd.png\n")
    assert not marks.faults
    assert marks.classes == ("dog", "Cat")
    assert table(marks) == {
        "a.png": ([PRESENT, ABSENT], TRAIN),
        "b.png": ([UNKNOWN, UNKNOWN], VAL),
        "sub/c.png": ([ABSENT, PRESENT], TEST),
        "d.png": ([UNKNOWN, UNKNOWN], TRAIN),
    }


def test_the_long_form_has_a_row_for_each_mark_and_sorted_classes(read: Read) -> None:
    marks = read(
        "path,label,present,split\na.png,dog,1,\na.png,cat,0,\nb.png,cat,,val\nsub/c.png,cat,-1,\nsub/c.png,dog,1,test\n"
        "d.png,,,test\n"
    )
    assert not marks.faults
    assert marks.classes == ("cat", "dog")
    assert table(marks) == {
        "a.png": ([ABSENT, PRESENT], TRAIN),
        "b.png": ([UNKNOWN, UNKNOWN], VAL),
        "sub/c.png": ([UNKNOWN, PRESENT], TEST),
        "d.png": ([UNKNOWN, UNKNOWN], TEST),
    }


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffpath,cat,dog\r\na.png,1,0\r\n",
        "path;cat;dog\na.png;1;0\n",
        "PATH\tcat\tdog\na.png\t1.0\t0.0\n",
        ",path,cat,dog\n0,a.png,1,0\n",
        "path,cat,dog\n./a.png, 1 ,0\n",
        "path,label,present\na.png,cat,1\na.png,dog,0\n",
        "Label;Present;Path\ncat;1;a.png\ndog;0.0;a.png\n",
    ],
    ids=["excel", "semicolon", "tab and decimals", "pandas index", "spaces", "long", "long in another order"],
)
def test_what_spreadsheets_write_is_read(read: Read, content: str) -> None:
    marks = read(content)
    assert not marks.faults
    assert marks.classes == ("cat", "dog")
    assert table(marks) == {"a.png": ([PRESENT, ABSENT], TRAIN)}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b.png,,2,1", ["class 'cat' of 'b.png' is '2'", "write 1 for present, 0 for absent"]),
        ("b.png,,1,yes", ["class 'dog' of 'b.png' is 'yes'"]),
        ("b.png,,0.5,1", ["class 'cat' of 'b.png' is '0.5'"]),
        ("a.png,,1,1", ["'a.png' is class 'dog' present here but absent in labels.csv row 3", "delete one"]),
        ("a.png,,,0", ["'a.png' is class 'cat' unknown here but present in labels.csv row 3"]),
        ("a.png,test,1,0", ["'a.png' is test here but train in labels.csv row 3"]),
        ("x.png,,1,1", ["no image 'x.png'"]),
        ("b.png,tset,1,1", ["unknown split 'tset'", "did you mean 'test'?"]),
        ("b.png,,1,1,1", ["5 cells under 4 columns"]),
        (",,1,1", ["no path"]),
        ('b.png,,1,"0\nd.png,,1,0', ["quote"]),
    ],
)
def test_a_bad_row_of_the_wide_form_is_named_by_its_line(read: Read, row: str, words: list[str]) -> None:
    text = only_fault(read(f"path,split,cat,dog\n\na.png,,1,0\n{row}"))
    assert text.startswith("labels.csv row 4: ")
    for word in words:
        assert word in text


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("b.png,cat,2", ["class 'cat' of 'b.png' is '2'", "write 1 for present"]),
        ("b.png,cat,cat", ["class 'cat' of 'b.png' is 'cat'"]),
        ("b.png,,1", ["no label of 'b.png'"]),
        ("a.png,cat,0", ["'a.png' is class 'cat' absent here but present in labels.csv row 3", "delete one"]),
        ("a.png,cat,", ["class 'cat' unknown here but present"]),
        ("a.png,cat,1,val", ["'a.png' is val here but test in labels.csv row 3"]),
        ("x.png,cat,1", ["no image 'x.png'"]),
        ("b.png,cat,1,holdout", ["unknown split 'holdout'"]),
        ("b.png,Cat,1", ["label 'Cat' (1x) differs from 'cat' (2x) only in case or spaces"]),
    ],
)
def test_a_bad_row_of_the_long_form_is_named_by_its_line(read: Read, row: str, words: list[str]) -> None:
    text = only_fault(read(f"path,label,present,split\nd.png,cat,0,\na.png,cat,1,test\n{row}"))
    assert text.startswith("labels.csv row 4: ")
    for word in words:
        assert word in text


@pytest.mark.parametrize("form", ["path,cat\na.png,9\nb.png,1\n", "path,label,present\na.png,cat,9\nb.png,cat,1\n"])
def test_an_image_with_a_bad_mark_is_left_out_not_trained_on(read: Read, form: str) -> None:
    marks = read(form)
    assert marks.faults[0].leave_out == ("a.png",)
    assert table(marks)["b.png"] == ([PRESENT], TRAIN)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", ["is empty"]),
        ("file,cat\na.png,1\n", ["no column 'path'", "did you mean 'file'?"]),
        ("path,split\na.png,test\n", ["names no class"]),
        ("path,cat,cat\na.png,1,1\n", ["'cat' is there twice"]),
        (
            "path,cat,CAT\na.png,1,1\n",
            ["'CAT' and 'cat' differ only in case or spaces"],
        ),
        ("path,caption\na.png,a cat\n", ["no cell under 'caption' is a mark"]),
        ("path,label\na.png,cat\n", ["no column 'present'"]),
        ("path,present\na.png,1\n", ["no column 'label'"]),
        ("path,caf\xe9\na.png,1\n".encode("latin-1"), ["row 1", "not UTF-8"]),
    ],
)
def test_a_bad_header_is_fatal(read: Read, content: str | bytes, words: list[str]) -> None:
    marks = read(content)
    assert marks.faults
    assert all(fault.fatal for fault in marks.faults)
    for word in words:
        assert word in str(marks.faults[0])


def test_columns_that_hold_no_marks_are_noted_and_are_no_class(read: Read) -> None:
    marks = read('path,cat,caption,width\na.png,1,"a cat, and\na dog",640\nb.png,0,,480\n')
    assert (marks.classes, marks.faults) == (("cat",), [])
    assert [str(note) for note in marks.notes] == ["labels.csv: not used: column 'caption'"]
    marks = read("path,label,present,annotator\na.png,cat,1,Ann\n")
    assert (marks.classes, marks.faults) == (("cat",), [])
    assert [str(note) for note in marks.notes] == ["labels.csv: not used: column 'annotator'"]


def test_a_column_of_yes_and_no_is_a_class_with_faults(read: Read) -> None:
    marks = read("path,cat,dog\na.png,yes,1\nb.png,no,0\n")
    assert [str(fault).split(":")[0] for fault in marks.faults] == ["labels.csv row 2", "labels.csv row 3"]


@pytest.mark.parametrize(
    "content", ["path,cat\na.png,1\n./a.png,1\n", "path,label,present\na.png,cat,1\na.png,cat,1\n"]
)
def test_the_same_row_twice_is_a_note(read: Read, content: str) -> None:
    marks = read(content)
    assert not marks.faults
    assert [str(note) for note in marks.notes] == ["labels.csv row 3: 'a.png' is already in labels.csv row 2"]


def test_marks_of_an_exported_ledger_that_nobody_gave_are_counted(read: Read) -> None:
    marks = read(
        "path,split,class,given,label,confidence,accepted\na.png,train,cat,1,1,0.9,1\na.png,train,dog,,0,0.6,0\n"
        "b.png,train,cat,,1,0.99,1\nb.png,train,dog,0,0,0.7,1\n"
    )
    assert not marks.faults
    assert table(marks) == {"a.png": ([PRESENT, ABSENT], TRAIN), "b.png": ([PRESENT, ABSENT], TRAIN)}
    assert [str(note) for note in marks.notes][-1] == (
        "2 of 4 labels in labels.csv were not given by a person (column 'given' is empty); "
        "export with --accepted to keep only the accepted ones"
    )


@pytest.mark.parametrize(
    ("header", "several"),
    [
        ("path,label,present", True),
        ("Present,Path,Label,split", True),
        ("path,cat,dog", True),
        ("split;path;cat", True),
        ("path,label", False),
        ("path,label,cat,dog", False),
        ("path,class", False),
        ("path,split,x0,y0,x1,y1", False),
        ("file,cat,dog", False),
        ("", False),
    ],
)
def test_the_header_tells_several_labels_from_one(tmp_path: Path, header: str, several: bool) -> None:
    (tmp_path / "labels.csv").write_text(header)
    assert is_marks_csv(tmp_path / "labels.csv") == several


def test_an_unreadable_file_is_not_taken_for_marks(tmp_path: Path) -> None:
    assert not is_marks_csv(tmp_path / "none.csv")
    (tmp_path / "odd.csv").write_bytes(b"path,caf\xe9\n")
    assert not is_marks_csv(tmp_path / "odd.csv")
    with pytest.raises(UserError, match="cannot read the labels"):
        read_marks_csv(tmp_path / "none.csv", FILES)
