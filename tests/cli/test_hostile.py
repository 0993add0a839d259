"""Wrong and hostile input: one line, exit code 2, nothing lost, nothing executed."""

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import FAST, Call, state_of

TRAIN = ["--method", "fixmatch", "--method.mu", "2", *FAST]


class Bomb:
    """Unpickling this makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Is there when code was executed."""
    return tmp_path / "executed"


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after, 1))


def test_the_bomb_would_go_off(mark: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(mark)))
    assert mark.exists()


def truncate(data: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)).save(data / "images/x.jpg")
    content = (data / "images/x.jpg").read_bytes()
    (data / "images/x.jpg").write_bytes(content[: len(content) * 2 // 3])


def text_for_image(data: Path) -> None:
    (data / "images/000.png").write_text("not a picture")


def misspelt_column(data: Path) -> None:
    edit(data / "labels.csv", "path", "pth")


def row_without_file(data: Path) -> None:
    edit(data / "labels.csv", "images/003.png", "images/0033.png")


def path_that_leaves(data: Path) -> None:
    edit(data / "labels.csv", "images/003.png", "../elsewhere.png")


def unknown_split(data: Path) -> None:
    edit(data / "labels.csv", ",train", ",trian")


FAULTS = [
    (truncate, ("images/x.jpg", "truncated")),
    (text_for_image, ("images/000.png", "not an image")),
    (misspelt_column, ("labels.csv row 1", "'pth'", "path")),
    (row_without_file, ("labels.csv row 5", "images/0033.png")),
    (path_that_leaves, ("labels.csv row 5", "../elsewhere.png", "inside")),
    (unknown_split, ("labels.csv row 2", "trian", "train")),
]


@pytest.mark.parametrize(("spoil", "words"), FAULTS, ids=[spoil.__name__ for spoil, _ in FAULTS])
def test_faulty_data_stop_training_before_anything_is_made(
    call: Call, own_digits: Path, tmp_path: Path, spoil: Callable[[Path], None], words: tuple[str, ...]
) -> None:
    spoil(own_digits)
    before = state_of(tmp_path)
    error = call("train", own_digits, "--out", tmp_path / "run", *TRAIN).error
    assert all(word in error for word in words), error
    assert state_of(tmp_path) == before


def test_the_first_of_several_faults_is_named_with_their_number(call: Call, own_digits: Path, tmp_path: Path) -> None:
    truncate(own_digits)
    text_for_image(own_digits)
    row_without_file(own_digits)
    error = call("train", own_digits, "--out", tmp_path / "run", *TRAIN).error
    assert "2 more" in error
    assert "fewlabels check" in error


def test_skip_bad_goes_on_and_says_what_was_left_out(call: Call, own_digits: Path, tmp_path: Path) -> None:
    truncate(own_digits)
    text_for_image(own_digits)
    row_without_file(own_digits)
    answer = call("train", own_digits, "--out", tmp_path / "run", "--skip-bad", *TRAIN)
    assert answer.code == 0, answer.err
    for name in ("images/x.jpg", "images/000.png", "images/0033.png"):
        assert any(line.startswith("note: left out: ") and name in line for line in answer.out.splitlines())
    ledger = (tmp_path / "run/labels.csv").read_text().splitlines()
    assert "images/x.jpg,left out,,,," in ledger
    assert "images/000.png,left out,,,," in ledger
    assert any(line.startswith("images/002.png,train,") for line in ledger)


def test_a_folder_without_images_or_labels_is_refused(call: Call, own_digits: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no image" in call("train", tmp_path / "empty", "--out", tmp_path / "run", *TRAIN).error
    (own_digits / "labels.csv").unlink()
    assert "label" in call("train", own_digits, "--out", tmp_path / "run", *TRAIN).error
    assert not (tmp_path / "run").exists()


def test_evaluate_names_a_class_that_the_model_does_not_know(call: Call, trained: Path, own_digits: Path) -> None:
    edit(own_digits / "labels.csv", ",two,", ",tow,")
    error = call("evaluate", trained, own_digits).error
    assert "'tow'" in error
    assert "two" in error


def test_evaluate_without_labels_is_refused(call: Call, trained: Path, own_digits: Path) -> None:
    (own_digits / "labels.csv").unlink()
    assert "--labels" in call("evaluate", trained, own_digits).error


@pytest.mark.parametrize("file", ["model.safetensors", "model.json"])
@pytest.mark.parametrize("content", ["pickle", "garbage", "empty", "deep", "list"])
def test_predict_refuses_a_model_that_is_not_one(
    call: Call, own_run: Path, digits: Path, mark: Path, file: str, content: str
) -> None:
    kinds = {"pickle": pickle.dumps(Bomb(mark)), "garbage": b"\xff\xfe{", "empty": b"", "list": b"[1]"}
    (own_run / file).write_bytes({**kinds, "deep": b"[" * 100_000}[content])
    before = state_of(own_run)
    assert str(own_run / file) in call("predict", own_run, digits).error
    assert state_of(own_run) == before
    assert not mark.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("backbone", "hf-hub:evil/model"), ("num_classes", 10**12), ("num_classes", 4), ("image_size", 10**6),
        ("std", [0.0]), ("channels", "1"), ("classes", ["zero"]), ("head", "../x"), ("surprise", 1),
        ("engine", "abacus"), ("engine", ["torch"]),
    ],
)  # fmt: skip
def test_predict_refuses_a_description_that_no_run_wrote(
    call: Call, own_run: Path, digits: Path, key: str, value: object
) -> None:
    about = json.loads((own_run / "model.json").read_text())
    (own_run / "model.json").write_text(json.dumps(about | {key: value}))
    assert "model.json" in call("predict", own_run, digits).error


def forge(run: Path, name: str, content: bytes) -> Path:
    """Swap a file of the newest checkpoint and make the manifest agree."""
    place = max((run / "checkpoint").glob("step-*"))
    (place / name).write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text())
    manifest[name] = hashlib.sha256(content).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest))
    return place


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "manifest.json"])
def test_resume_refuses_a_swapped_checkpoint(call: Call, unfinished: Path, digits: Path, mark: Path, name: str) -> None:
    place = max((unfinished / "checkpoint").glob("step-*"))
    (place / name).write_bytes(pickle.dumps(Bomb(mark)))
    before = state_of(unfinished)
    assert str(place) in call("train", digits, "--out", unfinished, "--resume", *TRAIN).error
    assert state_of(unfinished) == before
    assert not mark.exists()


FORGED = {
    "tensors.safetensors": [b"pickle", b"", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      "],
    "state.json": [
        b"pickle", b"[]", b"{}", b"[" * 100_000, b'{"step": "9", "seconds": 1, "history": []}',
        b'{"step": 3, "seconds": 1, "history": []}', b'{"step": 10, "seconds": null, "history": []}',
        b'{"step": 10, "seconds": 1, "history": [7]}',
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "content"), [(name, content) for name in FORGED for content in FORGED[name]])
def test_resume_refuses_a_forged_checkpoint_whose_hashes_agree(
    call: Call, unfinished: Path, digits: Path, mark: Path, name: str, content: bytes
) -> None:
    forge(unfinished, name, pickle.dumps(Bomb(mark)) if content == b"pickle" else content)
    before = state_of(unfinished)
    assert str(unfinished / "checkpoint") in call("train", digits, "--out", unfinished, "--resume", *TRAIN).error
    assert state_of(unfinished) == before
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.mkdir ['{mark}']", "method: [", "- a", "steps: 3\nsurprise: 1", "\x00", ""]
)
def test_resume_refuses_a_hostile_configuration(
    call: Call, unfinished: Path, digits: Path, mark: Path, text: str
) -> None:
    (unfinished / "config.yaml").write_text(text.replace("{mark}", str(mark)))
    before = state_of(unfinished)
    assert "config.yaml" in call("train", digits, "--out", unfinished, "--resume", *TRAIN).error
    assert state_of(unfinished) == before
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"\x00\xff garbage", b"a,b\n1,2\n", b"path\n", b""])
def test_a_spoilt_ledger_is_refused(call: Call, unfinished: Path, digits: Path, content: bytes) -> None:
    (unfinished / "labels.csv").write_bytes(content)
    before = state_of(unfinished)
    assert "labels.csv" in call("label", unfinished).error
    assert "labels.csv" in call("train", digits, "--out", unfinished, "--resume", *TRAIN).error
    assert state_of(unfinished) == before


def test_a_run_that_exists_is_refused_without_resume(call: Call, own_run: Path, digits: Path) -> None:
    before = state_of(own_run)
    assert "--resume" in call("train", digits, "--out", own_run, *TRAIN).error
    assert state_of(own_run) == before


@pytest.mark.parametrize("resume", [[], ["--resume"]])
def test_a_folder_of_other_things_is_left_alone(call: Call, digits: Path, tmp_path: Path, resume: list[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/labels.csv").write_text("path,label\n")
    before = state_of(tmp_path)
    assert "mine" in call("train", digits, "--out", tmp_path / "mine", *resume, *TRAIN).error
    assert state_of(tmp_path) == before


@pytest.mark.parametrize("out", ["file", "file/run", "file/deep/run"])
def test_a_run_inside_a_file_is_refused(call: Call, digits: Path, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").write_text("precious")
    assert str(tmp_path / "file") in call("train", digits, "--out", tmp_path / out, *TRAIN).error
    assert (tmp_path / "file").read_text() == "precious"


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (["--steps", "20"], ("--steps", "10", "20")),
        (["--seed", "1"], ("--seed", "0", "1")),
        (["--num-labels", "9"], ("--num-labels",)),
        (["--method.threshold", "0.5"], ("--method.threshold", "0.95", "0.5")),
        (["--method", "supervised"], ("--method", "fixmatch", "supervised")),
    ],
)
def test_resuming_with_another_option_is_refused(
    call: Call, unfinished: Path, digits: Path, option: list[str], words: tuple[str, ...]
) -> None:
    before = state_of(unfinished)
    typed = [word for word in TRAIN if not (option[0] == "--method" and word in ("--method.mu", "2"))]
    error = call("train", digits, "--out", unfinished, "--resume", *typed, *option).error
    assert all(word in error for word in words), error
    assert state_of(unfinished) == before


def test_a_number_written_in_another_way_is_the_same_option(call: Call, unfinished: Path, digits: Path) -> None:
    typed = ["--method.weight", "1", "--method.threshold", "0.950"]
    answer = call("train", digits, "--out", unfinished, "--resume", *TRAIN, *typed)
    assert answer.code == 0, answer.err
    assert "resuming at step 10" in answer.out


@pytest.mark.parametrize("change", ["another label", "an image less", "an image more"])
def test_resuming_on_other_data_is_refused(call: Call, unfinished: Path, own_digits: Path, change: str) -> None:
    if change == "another label":
        edit(own_digits / "labels.csv", "images/003.png,", "images/003.png,two")
    elif change == "an image less":
        (own_digits / "images/020.png").unlink()
        edit(own_digits / "labels.csv", "images/020.png,,train\n", "")
    else:
        Image.new("L", (8, 8)).save(own_digits / "images/new.png")
    before = state_of(unfinished)
    assert "changed since" in call("train", own_digits, "--out", unfinished, "--resume", *TRAIN).error
    assert state_of(unfinished) == before


def test_a_finished_run_with_spoilt_figures_is_refused(call: Call, own_run: Path, digits: Path) -> None:
    (own_run / "metrics.json").write_text("{")
    answer = call("train", digits, "--out", own_run, "--resume", *TRAIN)
    assert answer.code == 2
    assert answer.err.count("\n") == 1
    assert "metrics.json" in answer.err


@pytest.mark.parametrize("command", ["predict", "label", "report"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(
    call: Call, trained: Path, digits: Path, tmp_path: Path, command: str
) -> None:
    words = [command, trained, *([digits] if command == "predict" else [])]
    assert "is a folder" in call(*words, "--out", tmp_path).error
    assert "no folder" in call(*words, "--out", tmp_path / "none/x").error
    assert list(tmp_path.iterdir()) == []


def test_commands_on_a_folder_that_is_no_run_say_so(call: Call, digits: Path, tmp_path: Path) -> None:
    for words in (["predict", digits, digits], ["evaluate", digits, digits], ["report", digits]):
        assert str(digits) in call(*words).error
    assert "no run folder" in call("predict", tmp_path / "none", digits).error
    assert "no device" in call("predict", digits, digits, "--device", "abacus").error.replace("is not a", "no")
