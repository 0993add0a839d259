"""A run measures its number format and layout once per machine and network, and says what it found."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from tests.tiny import sha256, stop_after, tiny_options, write_tiny

from fewlabels.errors import Interrupted
from fewlabels.models import timing
from fewlabels.models.classifier import Classifier
from fewlabels.models.precision import Precision
from fewlabels.models.timing import Pass
from fewlabels.options import TrainOptions
from fewlabels.run import choose_precision as module
from fewlabels.run.choose_precision import Workload, time_workload
from fewlabels.run.plan import Plan, make_plan
from fewlabels.run.prepare import prepare
from fewlabels.run.request import make_request
from fewlabels.run.train import train
from fewlabels.tasks.task import load_task
from fewlabels.training import machine
from fewlabels.training.machine import from_first_process, processor

MEASURE = time_workload
"""The real one, which other tests replace."""
CPU = torch.device("cpu")
PLAIN, LAST = Precision("fp32", "contiguous"), Precision("fp32", "channels_last")
HALF, HALF_PLAIN = Precision("bf16", "channels_last"), Precision("bf16", "contiguous")


class Stopwatch:
    """Replaces the timing of a network; ``asked`` holds the candidates of each time it was used."""

    def __init__(self, times: dict[Precision, float]) -> None:
        self.times = times
        self.asked: list[list[Precision]] = []

    def __call__(self, workload: Workload, among: Sequence[Precision], device: torch.device) -> dict[Precision, float]:
        """Return the made-up times."""
        self.asked.append(list(among))
        return {candidate: self.times[candidate] for candidate in among}


@pytest.fixture
def stopwatch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stopwatch:
    """With it fp32 in channels_last is fastest, and the cache is empty."""
    made_up = Stopwatch({PLAIN: 839.0, LAST: 701.0, HALF: 1079.0, HALF_PLAIN: 1200.0})
    monkeypatch.setattr(module, "time_workload", made_up)
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    return made_up


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("data"))


def free(root: Path, out: Path, **changes: Any) -> TrainOptions:
    """A run that has to decide precision and layout."""
    return replace(tiny_options(root, "fixmatch", out, precision=None, layout=None), **changes)


def run(root: Path, out: Path, **changes: Any) -> dict[str, Any]:
    """Train; return config.yaml."""
    folder = train(free(root, out, **changes), say=lambda _: None)
    return yaml.safe_load((folder / "config.yaml").read_text())


def plan(root: Path, **changes: Any) -> Plan:
    """Plan a run."""
    request = make_request(free(root, root / "run", **changes))
    task = load_task(request.task)
    return make_plan(request.options, task, task.read(request.options), CPU, threads=1, say=lambda _: None)


def test_the_fastest_is_used_and_the_timings_are_recorded(root: Path, tmp_path: Path, stopwatch: Stopwatch) -> None:
    config = run(root, tmp_path / "run")
    assert (config["precision"], config["layout"]) == ("fp32", "channels_last")
    assert stopwatch.asked == [[PLAIN, LAST, HALF]]
    assert config["record"]["timings_ms_per_image"] == {
        "fp32 contiguous": 839.0, "fp32 channels_last": 701.0, "bf16 channels_last": 1079.0,
    }  # fmt: skip


def test_bf16_is_used_where_it_is_fastest(root: Path, tmp_path: Path, stopwatch: Stopwatch) -> None:
    stopwatch.times[HALF] = 300.0
    config = run(root, tmp_path / "run")
    assert (config["precision"], config["layout"]) == ("bf16", "channels_last")


@pytest.mark.parametrize(
    ("given", "asked", "found"),
    [
        ({"precision": "fp32"}, [[PLAIN, LAST]], ("fp32", "channels_last")),
        ({"precision": "bf16"}, [[HALF_PLAIN, HALF]], ("bf16", "channels_last")),
        ({"layout": "contiguous"}, [[PLAIN, HALF_PLAIN]], ("fp32", "contiguous")),
        ({"precision": "bf16", "layout": "contiguous"}, [], ("bf16", "contiguous")),
    ],
)
def test_what_is_given_is_not_measured(
    root: Path, tmp_path: Path, stopwatch: Stopwatch, given: dict[str, str], asked: list, found: tuple[str, str]
) -> None:
    config = run(root, tmp_path / "run", **given)
    assert stopwatch.asked == asked
    assert (config["precision"], config["layout"]) == found


def test_the_network_is_in_the_layout_that_was_chosen(root: Path, stopwatch: Stopwatch) -> None:
    chosen = plan(root)
    made = prepare(chosen, chosen.task.read(chosen.settings), CPU)
    filters = next(weight for weight in made.method.model.parameters() if weight.ndim == 4 and weight.shape[1] > 1)
    assert filters.is_contiguous(memory_format=torch.channels_last)
    assert made.images.to_input.layout == torch.channels_last
    assert (made.settings.precision, made.settings.layout) == ("fp32", "channels_last")


def test_a_second_run_finds_the_answer_and_computes_the_same(root: Path, tmp_path: Path, stopwatch: Stopwatch) -> None:
    configs = [run(root, tmp_path / name, seed=3) for name in ("measured", "found")]
    fixed = run(root, tmp_path / "fixed", seed=3, precision="fp32", layout="channels_last")
    assert len(stopwatch.asked) == 1
    assert configs[0] | {"out": ""} == configs[1] | {"out": ""}
    assert fixed["record"]["timings_ms_per_image"] == {}
    for file in ("model.safetensors", "labels.csv"):
        assert len({sha256(tmp_path / name / file) for name in ("measured", "found", "fixed")}) == 1


def test_a_run_that_really_measures_computes_what_one_with_that_choice_does(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    monkeypatch.setattr(module, "time_workload", MEASURE)
    monkeypatch.setattr(timing, "ENOUGH", 0.0)
    lines: list[str] = []
    measured = train(free(root, tmp_path / "measured"), say=lines.append)
    config = yaml.safe_load((measured / "config.yaml").read_text())
    fixed = train(
        free(root, tmp_path / "fixed", precision=config["precision"], layout=config["layout"]), say=lambda _: None
    )
    for file in ("model.safetensors", "labels.csv"):
        assert sha256(measured / file) == sha256(fixed / file)
    assert len(config["record"]["timings_ms_per_image"]) >= 2
    (line,) = [line for line in lines if line.startswith("timing ")]
    assert line.startswith("timing small_cnn at 16 px in fp32 contiguous, fp32 channels_last, bf16 channels_last")


def test_the_format_does_not_change_in_a_resumed_run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    options, whole = free(root, tmp_path / "run"), train(free(root, tmp_path / "whole"), say=lambda _: None)
    with stop_after(2), pytest.raises(Interrupted):
        train(options, say=lambda _: None)
    before = (tmp_path / "run" / "config.yaml").read_bytes()
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "empty"))
    stopwatch.times[HALF] = 1.0
    train(options, resume=True, say=lambda _: None)
    assert len(stopwatch.asked) == 1
    assert (tmp_path / "run" / "config.yaml").read_bytes() == before
    assert sha256(tmp_path / "run" / "model.safetensors") == sha256(whole / "model.safetensors")


@pytest.mark.parametrize(
    "change",
    [{"backbone": "cnn3"}, {"image_size": 24}, {"threads": 2}, {"precision": "fp32"}, {"freeze": True}],
    ids=str,
)
def test_another_network_size_or_thread_count_is_measured(
    root: Path, tmp_path: Path, stopwatch: Stopwatch, change: dict[str, Any]
) -> None:
    for name, changes in (("first", {}), ("second", change)):
        run(root, tmp_path / name, **changes)
    torch.set_num_threads(1)
    assert len(stopwatch.asked) == 2


@pytest.mark.parametrize("change", [{"batch_size": 8}, {"seed": 5}, {"method": "flexmatch"}], ids=str)
def test_another_batch_seed_or_method_of_the_same_network_is_not_measured(
    root: Path, tmp_path: Path, stopwatch: Stopwatch, change: dict[str, Any]
) -> None:
    for name, changes in (("first", {}), ("second", change)):
        run(root, tmp_path / name, **changes)
    assert len(stopwatch.asked) == 1


@pytest.mark.parametrize("change", ["processor", "torch"])
def test_another_processor_or_torch_is_measured(
    root: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch, change: str
) -> None:
    plan(root)
    if change == "processor":
        monkeypatch.setattr(module, "processor", lambda _: "another")
    else:
        monkeypatch.setattr(torch, "__version__", "99.0")
    plan(root)
    assert len(stopwatch.asked) == 2


def spoil_nothing(text: str) -> str:
    return text


def halve(text: str) -> str:
    return text[: len(text) // 2]


def rename(text: str) -> str:
    return text.replace("bf16 channels_last", "fp8 diagonal")


def set_times(value: object) -> Callable[[str], str]:
    def change(text: str) -> str:
        content = json.loads(text)
        return json.dumps(content | {"milliseconds_per_image": value})

    return change


@pytest.mark.parametrize(
    ("spoil", "measured"),
    [
        (spoil_nothing, 1), (halve, 2), (lambda _: "", 2), (lambda _: "[]", 2), (lambda _: "[" * 100_000, 2),
        (rename, 2), (set_times({}), 2), (set_times(None), 2), (set_times({"fp32 contiguous": "fast"}), 2),
        (set_times({"fp32 contiguous": -1}), 2), (set_times({"fp32 contiguous": float("nan")}), 2),
        (lambda text: text.replace(processor(CPU), "another"), 2),
    ],
)  # fmt: skip
def test_a_damaged_or_foreign_answer_is_replaced(
    root: Path, tmp_path: Path, stopwatch: Stopwatch, spoil: Callable[[str], str], measured: int
) -> None:
    plan(root)
    (file,) = (tmp_path / "cache" / "precision").iterdir()
    good = file.read_text()
    file.write_text(spoil(good))
    times = plan(root).times
    assert len(stopwatch.asked) == measured
    assert times == {candidate: stopwatch.times[candidate] for candidate in (PLAIN, LAST, HALF)}
    assert file.read_text() == good


def test_a_cache_that_can_not_be_written_costs_time_alone(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "file"))
    for _ in range(2):
        assert plan(root).settings.layout == "channels_last"
    assert len(stopwatch.asked) == 2


class Looked:
    """Replaces the measurement: keeps the network and the number of images."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.models: list[Classifier] = []
        self.images: list[int] = []
        self.among: list[list[Precision]] = []
        monkeypatch.setattr(module, "time_workload", MEASURE)
        monkeypatch.setattr(module, "passes", self.passes)
        monkeypatch.setattr(module, "measure", self.measure)

    def passes(self, model: Classifier, shape: tuple[int, int, int]) -> Pass:
        """Keep the network."""
        self.models.append(model)
        return lambda candidate, count: 1.0

    def measure(self, time_pass: Pass, among: Sequence[Precision], images: int) -> dict[Precision, float]:
        """Keep the number of images and the candidates; the first candidate is fastest."""
        self.images.append(images)
        self.among.append(list(among))
        return {candidate: 1.0 + number for number, candidate in enumerate(among)}


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch) -> Looked:
    return Looked(monkeypatch)


def test_an_eighth_of_the_images_of_a_step_is_timed(root: Path, looked: Looked) -> None:
    """FixMatch: 16 labelled images, and 16 * 7 unlabelled ones in two views."""
    plan(root, batch_size=16)
    assert looked.images == [(16 + 2 * 16 * 7) // 8]


def test_at_least_eight_images_are_timed(root: Path, looked: Looked) -> None:
    plan(root, method="supervised", batch_size=4)
    assert looked.images == [8]


def test_two_processes_share_the_images(root: Path, monkeypatch: pytest.MonkeyPatch, looked: Looked) -> None:
    monkeypatch.setattr(module, "process_count", lambda: 2)
    plan(root, batch_size=32)
    assert looked.images == [(32 + 2 * 32 * 7) // 16]


def test_the_network_of_the_run_is_timed(root: Path, looked: Looked) -> None:
    plan(root, method="dnll", image_size=24)
    (model,) = looked.models
    assert len(model.networks()) == 2
    assert all(weight.requires_grad for weight in model.parameters())


def test_a_frozen_backbone_whose_features_are_cached_is_timed_in_fp32(root: Path, looked: Looked) -> None:
    chosen = plan(root, freeze=True)
    assert looked.among == [[PLAIN, LAST]]
    assert chosen.precision == PLAIN
    (model,) = looked.models
    assert not any(weight.requires_grad for weight in model.backbone.parameters())
    assert plan(root, freeze=True, precision="bf16").precision == HALF_PLAIN


def test_a_frozen_backbone_that_sees_pixels_is_timed_in_every_format(root: Path, looked: Looked) -> None:
    plan(root, method="mixmatch", freeze=True)
    assert looked.among == [[PLAIN, LAST, HALF]]


def test_fixed_statistics_are_fixed_in_the_timed_network(root: Path, looked: Looked) -> None:
    plan(root, statistics="fixed")
    (model,) = looked.models
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(layer.training for layer in norms)


def test_measuring_leaves_the_random_state(root: Path, looked: Looked) -> None:
    state = torch.get_rng_state()
    plan(root)
    assert looked.models
    assert torch.equal(torch.get_rng_state(), state)


def test_all_processes_choose_by_what_the_first_measured(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    monkeypatch.setattr(module, "from_first_process", lambda make: {PLAIN: 2.0, HALF: 1.0})
    chosen = plan(root)
    assert stopwatch.asked == []
    assert not (tmp_path / "cache" / "precision").exists()
    assert chosen.precision == HALF
    assert chosen.times == {PLAIN: 2.0, HALF: 1.0}


class Processes:
    """Replaces torch.distributed: a second process that receives what the first one sends."""

    def __init__(self, rank: int, sent: object) -> None:
        self.rank, self.sent = rank, sent

    def is_initialized(self) -> bool:
        return True

    def get_world_size(self) -> int:
        return 2

    def get_rank(self) -> int:
        return self.rank

    def broadcast_object_list(self, box: list[object], src: int) -> None:
        assert src == 0
        box[0] = box[0] if self.rank == 0 else self.sent


def test_only_the_first_of_two_processes_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def make() -> str:
        made.append("once")
        return "mine"

    monkeypatch.setattr(machine, "dist", Processes(1, "from the first"))
    assert from_first_process(make) == "from the first"
    assert made == []
    monkeypatch.setattr(machine, "dist", Processes(0, ""))
    assert from_first_process(make) == "mine"
    assert made == ["once"]


def test_the_plainest_is_used_where_nothing_could_be_timed(
    root: Path, monkeypatch: pytest.MonkeyPatch, stopwatch: Stopwatch
) -> None:
    monkeypatch.setattr(module, "time_workload", lambda *_: {})
    assert plan(root).precision == PLAIN
