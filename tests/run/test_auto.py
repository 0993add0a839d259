"""``--method auto``: chosen before step 0, recorded, resumed, and reported."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.tiny import sha256, tiny_dataset, tiny_experiment, tiny_options, write_pretrained, write_tiny

from fewlabels.auto.box_maps import BoxMap
from fewlabels.auto.choice import Choice
from fewlabels.auto.request import AutoRequest, Tried
from fewlabels.cli.verdict import verdict
from fewlabels.data.dataset import PRESENT, TRAIN, UNLABELLED, ArrayImages, Dataset
from fewlabels.errors import Interrupted, NoWeights, UserError
from fewlabels.run import execution
from fewlabels.run.train import train
from fewlabels.tasks.classify import Classify
from fewlabels.tasks.localize import Localize


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Tiny data, and weights as if small_cnn were pretrained."""
    return write_tiny(write_pretrained(tmp_path))


def run(root: Path, name: str = "run", said: list[str] | None = None, **changes: object) -> Path:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "num_labels": 18} | changes
    options = tiny_options(root, "auto", root / name, **own)
    dataset = tiny_dataset(str(options.task))
    return train(options, say=(said if said is not None else []).append, dataset=dataset)


def test_heads_are_tried_and_the_choice_is_recorded(root: Path) -> None:
    said: list[str] = []
    out = run(root, said=said)
    config = yaml.safe_load((out / "config.yaml").read_text())
    choice = config["record"]["auto"]
    assert config["method"] == choice["method"] in ("linear-probe", "graph-probe")
    assert len(choice["tried"]) == 4
    assert all(0 < trial["accuracy"] <= 1 for trial in choice["tried"])
    assert choice["estimate"]["folds"] == 3
    figures = json.loads((out / "metrics.json").read_text())["auto"]
    assert figures["method"].split()[0] == config["method"]
    assert figures["accuracy"] == choice["estimate"]["accuracy"]
    page = (out / "report.html").read_text()
    assert "Choice of the method" in page
    assert choice["reason"].split(";")[0] in page
    assert sum(line.startswith("tried ") for line in said) == 4
    assert any(line.startswith(f"chose {config['method']}") for line in said)


def test_the_same_seed_gives_the_same_run(root: Path) -> None:
    first, second = (run(root, name) for name in ("first", "second"))
    assert sha256(first / "model.safetensors") == sha256(second / "model.safetensors")
    assert sha256(first / "labels.csv") == sha256(second / "labels.csv")
    read = [yaml.safe_load((out / "config.yaml").read_text()) for out in (first, second)]
    assert read[0]["record"]["auto"] == read[1]["record"]["auto"]


def test_the_chosen_method_gives_the_model_of_a_run_that_names_it(root: Path) -> None:
    chosen = run(root)
    config = yaml.safe_load((chosen / "config.yaml").read_text())
    options = tiny_options(
        root, config["method"], root / "named", weights=str(root / "pretrained.safetensors"), backbone="small_cnn",
        num_labels=18, parameters=config["record"]["auto"]["parameters"],
    )  # fmt: skip
    named = train(options, say=lambda _: None)
    assert sha256(chosen / "model.safetensors") == sha256(named / "model.safetensors")
    assert "auto" not in yaml.safe_load((named / "config.yaml").read_text())["record"]


def test_a_resumed_run_reads_the_choice_back(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(root, "whole")

    def interrupted(*_: object) -> None:
        raise Interrupted(15)

    with monkeypatch.context() as patch:
        patch.setattr(execution, "finish", interrupted)
        with pytest.raises(Interrupted):
            run(root, "stopped")
    with monkeypatch.context() as patch:
        patch.setattr("fewlabels.tasks.classify.choose_head", interrupted)
        options = tiny_options(
            root, "auto", root / "stopped", weights=str(root / "pretrained.safetensors"), backbone="small_cnn",
            num_labels=18,
        )  # fmt: skip
        stopped = train(options, resume=True, say=lambda _: None)
    for name in ("model.safetensors", "labels.csv"):
        assert sha256(whole / name) == sha256(stopped / name)
    records = [yaml.safe_load((out / "config.yaml").read_text())["record"]["auto"] for out in (whole, stopped)]
    assert records[0] == records[1]
    assert "auto" in json.loads((stopped / "metrics.json").read_text())


def test_small_images_get_a_method_that_trains_the_whole_network(root: Path) -> None:
    out = run(root, weights=None, backbone=None, steps=4, num_labels=6)
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["method"] == "flexmatch"
    assert config["record"]["auto"]["tried"] == []
    assert "Choice of the method" in (out / "report.html").read_text()


@pytest.mark.parametrize("per_class", [1, 2])
def test_very_few_labels_have_a_defined_result(root: Path, per_class: int) -> None:
    out = run(root, num_labels=3 * per_class)
    choice = yaml.safe_load((out / "config.yaml").read_text())["record"]["auto"]
    assert ("too few labels" in choice["reason"]) == (per_class == 1)


def test_marks_are_cross_fitted(root: Path) -> None:
    out = run(root, task="multilabel", data="scenes", num_labels=None, known_proportion=0.5)
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert config["method"] == "linear-probe"
    assert len(config["record"]["auto"]["tried"]) == 2


def test_parameters_need_a_named_method(root: Path) -> None:
    with pytest.raises(UserError, match="method 'auto' has no parameter 'mu'"):
        run(root, parameters={"mu": 3})


def test_boxes_ask_for_the_task_localize_and_come_from_a_fixed_network(root: Path) -> None:
    out = run(root, task=None, boxes=str(root / "boxes.csv"), image_size=16)
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["task"], config["method"]) == ("localize", "map-probe")
    choice = config["record"]["auto"]
    assert choice["parameters"]["map"] in ("border-distance", "median-distance")
    assert len(choice["tried"]) == 3  # heads
    assert 0 <= json.loads((out / "metrics.json").read_text())["test"]["gt_known"] <= 1


def request(root: Path, small: bool, said: list[str], prepare: Callable[[str], Tried]) -> Choice:
    return Localize().choose(AutoRequest(small, True, trained=False, seed=0, prepare=prepare, say=said.append))


def test_small_images_are_trained_on_where_a_pretrained_network_finds_no_objects(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "num_labels": 18}

    def prepared(name: str) -> Tried:
        return Tried(tiny_experiment(tiny_options(root, name, root / "run", task="localize", **own), None), False)

    said: list[str] = []
    for contrast, small, expected in ((2, True, "lchp"), (2, False, "map-probe"), (3, True, "map-probe")):
        monkeypatch.setattr(
            "fewlabels.tasks.localize.choose_box_map", lambda *_, contrast=contrast: BoxMap(0.9, contrast)
        )
        assert request(root, small, said, prepared).method == expected
    assert "does not tell objects from their background" in said[0]


def test_small_images_are_trained_on_where_there_are_no_pretrained_weights(root: Path) -> None:
    def prepared(name: str) -> Tried:
        raise NoWeights("no weights")

    said: list[str] = []
    assert request(root, True, said, prepared).method == "lchp"
    assert said == ["note: no weights; so a network is trained from random weights"]
    with pytest.raises(UserError, match="no weights"):
        request(root, False, said, prepared)


@pytest.mark.parametrize("grey", [True, False])
def test_small_colour_images_are_tried_on_pretrained_features(root: Path, grey: bool) -> None:
    own = {"weights": str(root / "pretrained.safetensors"), "backbone": "small_cnn", "num_labels": 18}

    def prepared(name: str) -> Tried:
        return Tried(tiny_experiment(tiny_options(root, name, root / "run", **own), None), False)

    choice = Classify().choose(AutoRequest(True, grey, trained=False, seed=0, prepare=prepared, say=print))
    assert len(choice.tried) == (0 if grey else 4)
    assert (choice.method == "flexmatch") == grey


def test_small_colour_images_are_trained_on_where_there_are_no_pretrained_weights() -> None:
    def prepared(name: str) -> Tried:
        raise NoWeights("no weights")

    said: list[str] = []
    choice = Classify().choose(AutoRequest(True, False, trained=False, seed=0, prepare=prepared, say=said.append))
    assert choice.method == "flexmatch"
    assert said == ["note: no weights; so a network is trained from random weights"]


def arrays(labels: np.ndarray, classes: int) -> Dataset:
    """Random images with these labels, all of them for training."""
    count = len(labels)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)
    names = tuple(f"train/{row:06d}" for row in range(count))
    splits = np.full(count, TRAIN, np.int8)
    return Dataset("array", tuple("abc"[:classes]), names, splits, labels, ArrayImages(pixels), "none")


@pytest.mark.parametrize("labels", [np.full(8, UNLABELLED), np.repeat([0, UNLABELLED], 4)])
def test_fewer_than_two_classes_are_refused_in_a_sentence(root: Path, labels: np.ndarray) -> None:
    options = tiny_options(
        root, "auto", root / "run", weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=None,
        task="classify",
    )  # fmt: skip
    with pytest.raises(UserError, match="labelled images of at least two classes"):
        train(options, say=lambda _: None, dataset=arrays(labels, 2))


def test_marks_that_are_all_present_are_refused_in_a_sentence(root: Path) -> None:
    marks = np.zeros((12, 3), np.int8)
    marks[:, 0], marks[:6, 1] = PRESENT, PRESENT
    options = tiny_options(
        root, "auto", root / "run", weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=None,
        task="multilabel",
    )  # fmt: skip
    with pytest.raises(UserError, match="every known mark is 'present'"):
        train(options, say=lambda _: None, dataset=arrays(marks, 3))


def test_a_damaged_record_is_refused_in_a_sentence(root: Path) -> None:
    out = run(root)
    config = yaml.safe_load((out / "config.yaml").read_text())
    config["record"]["auto"] = {"method": 3, "tried": "none"}
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    (out / "metrics.json").unlink()
    options = tiny_options(
        root, "auto", out, weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=18
    )
    with pytest.raises(UserError, match="its record of the choice is damaged"):
        train(options, resume=True, say=lambda _: None)


def test_without_a_test_split_the_report_leads_with_the_estimate_of_the_whole_procedure(root: Path) -> None:
    labels = np.tile([0, 1, UNLABELLED], 16)
    options = tiny_options(
        root, "auto", root / "run", weights=str(root / "pretrained.safetensors"), backbone="small_cnn", num_labels=None,
        task="classify",
    )  # fmt: skip
    out = train(options, say=lambda _: None, dataset=arrays(labels, 2))
    figures = json.loads((out / "metrics.json").read_text())
    assert figures["cross_fit"]["accuracy"] == figures["auto"]["accuracy"]
    assert "choice and fit of the method were repeated" in (out / "report.html").read_text()
    estimate = f"{100 * figures['auto']['accuracy']:.1f} %"
    assert verdict(out).count(estimate) == 1  # one sentence, not two with one figure
