"""A frozen trunk is asked once."""

import json
from math import ceil
from pathlib import Path
from typing import NoReturn

import pytest
import torch
from safetensors.torch import load_file
from tests.tiny import Case, case_options, stop_after, tiny_dataset, tiny_experiment, tiny_options, write_tiny

from fewlabels.errors import Interrupted
from fewlabels.models.classifier import SingleClassifier
from fewlabels.models.engines.attach import use_engine
from fewlabels.models.engines.engine import Engine
from fewlabels.models.heads.class_maps import ClassMapClassifier
from fewlabels.models.nets.small_cnn import SmallCNN
from fewlabels.models.weights import resolve_weights
from fewlabels.run.train import train
from fewlabels.training import frozen


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of images that any trunk has seen, as the one entry of a list."""
    forward, seen = SingleClassifier.features, [0]

    def counted(self: SingleClassifier, x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x) if x.ndim == 4 else 0
        return forward(self, x)

    monkeypatch.setattr(SingleClassifier, "features", counted)
    return seen


def test_the_trunk_sees_no_image_between_the_first_evaluation_and_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    root, images = write_tiny(tmp_path), []
    for steps in (4, 12):
        seen[0] = 0
        monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / f"cache-{steps}"))
        out = tmp_path / str(steps)
        train(tiny_options(root, "fixmatch", out, freeze=True, steps=steps, eval_every=2), say=lambda _: None)
        images.append(seen[0])
    assert images[0] == images[1] > 0


def test_the_next_method_on_the_same_images_does_not_embed_them_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seen: list[int]
) -> None:
    """But other pixels, another seed or other weights are embedded."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    root = write_tiny(tmp_path)

    def images(name: str, method: str, **changes: object) -> int:
        seen[0] = 0
        train(tiny_options(root, method, tmp_path / name, freeze=True, **changes), say=lambda _: None)
        return seen[0]

    first = images("first", "fixmatch")
    assert images("second", "freematch") < first / 10  # what the report shows of a few images
    assert images("seed", "fixmatch", seed=1) >= first / 2
    assert images("size", "fixmatch", image_size=24) >= first / 2
    images("again", "fixmatch")
    assert (tmp_path / "again" / "labels.csv").read_text() == (tmp_path / "first" / "labels.csv").read_text()


def test_a_blank_image_that_shows_the_shape_of_features_is_left_to_torch(tmp_path: Path) -> None:
    """Converting a backbone takes seconds, and a run whose features are cached needs no other pass before step 0."""

    class Refusing(Engine):
        name = "refusing"  # part of the key of cached features

        def forward_features(self, backbone: torch.nn.Module, x: torch.Tensor) -> NoReturn:
            raise AssertionError("the engine was asked")

    options = tiny_options(write_tiny(tmp_path), "linear-probe", tmp_path / "run")
    experiment = tiny_experiment(options, None)
    model = experiment.method.model
    use_engine(model, Refusing())
    assert frozen.kind_kept(model, experiment.images).shape == (model.num_features,)
    assert frozen.remembers_all(model, experiment.images, 10, 10)
    with pytest.raises(AssertionError, match="the engine was asked"):
        list(experiment.trunk.plain(torch.arange(3)))


@pytest.mark.parametrize("room", [1 << 30, 1000])
def test_maps_that_find_no_room_are_computed_at_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """With room for them the trunk is done when training begins."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(frozen, "MEMORY", room)
    places, seen = ClassMapClassifier.location_features, [0]

    def counted(self: ClassMapClassifier, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen[0] += x.ndim == 4 and self.training
        return places(self, x)

    monkeypatch.setattr(ClassMapClassifier, "location_features", counted)
    case = Case("multilabel", "saliency-regularization")
    options = case_options(write_tiny(tmp_path), case, tmp_path / "run", freeze=True, steps=3)
    train(options, say=lambda _: None, dataset=tiny_dataset("multilabel"))
    assert (seen[0] > 0) == (room == 1000)


def test_what_one_kind_of_network_kept_is_not_taken_for_anothers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pooled features of class maps and of a linear head have the same shape."""
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    root, files = write_tiny(tmp_path), []
    for method in ("bce", "latent-noise"):
        case = Case("multilabel", method)
        options = case_options(root, case, tmp_path / method, freeze=True)
        train(options, say=lambda _: None, dataset=tiny_dataset("multilabel"))
        files.append({file.name for file in (tmp_path / "cache" / "embeddings").iterdir()})
    assert len(files[1]) == 2 * len(files[0]) > 0


def test_a_trunk_that_looks_at_pixels_sees_a_few_views_of_each_image_and_remembers_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two views, the same two with the box erased, and the images that are evaluated: not more in a longer run."""
    forward, seen = SmallCNN.forward_features, [0]

    def counted(self: SmallCNN, x: torch.Tensor) -> torch.Tensor:
        seen[0] += len(x)
        return forward(self, x)

    monkeypatch.setattr(SmallCNN, "forward_features", counted)
    case, passes = Case("localize", "lchp"), []
    for steps in (60, 120):
        seen[0] = 0
        options = case_options(
            write_tiny(tmp_path), case, tmp_path / str(steps), freeze=True, steps=steps, eval_every=steps,
            parameters={"stage": "initialise"},
        )  # fmt: skip
        train(options, say=lambda _: None)
        passes.append(seen[0])
    assert passes[0] <= passes[1] < passes[0] + 10


@pytest.mark.parametrize("room", [1 << 30, 1000])
def test_where_not_all_can_be_remembered_the_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    monkeypatch.setattr(frozen, "MEMORY", room)
    said: list[str] = []
    fresh: list[int | None] = []
    monkeypatch.setattr("fewlabels.run.execution.estimate_seconds", lambda _, fresh_steps: fresh.append(fresh_steps))
    options = case_options(write_tiny(tmp_path), Case("localize", "cam"), tmp_path / "run", freeze=True)
    train(options, say=said.append)
    labelled = json.loads((tmp_path / "run" / "metrics.json").read_text())["train"]["num_labels"]
    assert options.batch_size is not None
    assert fresh == [ceil(2 * labelled / options.batch_size) if room > 1000 else None]
    assert any("not all maps of so many images fit in memory" in line for line in said) == (room == 1000)


@pytest.mark.parametrize("method", ["cam", "lchp"])
def test_pixels_are_remembered_alike_whatever_a_run_trains_in(tmp_path: Path, method: str) -> None:
    options = case_options(
        write_tiny(tmp_path), Case("localize", method), tmp_path / "run", freeze=True, precision="bf16"
    )
    train(options, say=lambda _: None)
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.parametrize("stop", [3, 5, 6])
def test_a_fixed_trunk_that_remembers_resumes_exactly(tmp_path: Path, stop: int) -> None:
    """Also with a teacher that was copied before the trunks were made one."""
    root, states = write_tiny(tmp_path), []
    for name in ("whole", "stopped"):
        options = case_options(
            root,
            Case("localize", "lchp"),
            tmp_path / name,
            freeze=True,
            steps=8,
            parameters={"teacher": "frozen", "tau": 0.0},
        )
        if name == "stopped":
            with stop_after(stop), pytest.raises(Interrupted):
                train(options, say=lambda _: None)
        train(options, resume=name == "stopped", say=lambda _: None)
        states.append(load_file(tmp_path / name / "model.safetensors"))
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_a_run_that_begins_from_anothers_model_is_fed_as_that_was(tmp_path: Path) -> None:
    """By default small pictures have the statistics of their own; the weights bring theirs."""
    root, case = write_tiny(tmp_path), Case("classify", "supervised")
    first = case_options(root, case, tmp_path / "first")
    train(first, say=lambda _: None)
    found = resolve_weights("small_cnn", str(tmp_path / "first" / "model.safetensors"), 1, 16)
    spec = json.loads((tmp_path / "first" / "model.json").read_text())
    assert [list(found.mean or ()), list(found.std or ()), found.pad_type] == [
        spec["mean"], spec["std"], spec["pad_type"]
    ]  # fmt: skip
    assert spec["mean"] not in ([0.0], [0.5])
