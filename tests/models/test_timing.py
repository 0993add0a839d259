"""Candidates are timed in turns, within ten seconds, and timing leaves no trace."""

from collections.abc import Mapping

import pytest
import torch

from fewlabels.models import timing
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.precision import Precision, candidates
from fewlabels.models.timing import measure, passes

CPU = torch.device("cpu")
PLAIN, LAST, HALF = candidates(CPU)
EVERY = [PLAIN, LAST, HALF]


class MadeUp:
    """Passes that take as long as they are told to."""

    def __init__(self, per_image: Mapping[Precision, float], first: float = 0.0, drift: float = 1.0) -> None:
        """``first`` seconds are added to each candidate's first pass; every pass is ``drift`` times slower."""
        self.per_image, self.first, self.drift = per_image, first, drift
        self.calls: list[tuple[Precision, int]] = []
        self.seconds: list[float] = []

    def __call__(self, candidate: Precision, count: int) -> float:
        """One pass."""
        begins = self.first if candidate not in [one for one, _ in self.calls] else 0.0
        seconds = (self.per_image[candidate] * count + begins) * self.drift ** len(self.calls)
        self.calls.append((candidate, count))
        self.seconds.append(seconds)
        return seconds


def test_the_shortest_pass_counts_and_not_the_one_that_compiles() -> None:
    made_up = MadeUp({PLAIN: 0.010, LAST: 0.008, HALF: 0.012}, first=0.5)
    times = measure(made_up, EVERY, images=8)
    assert times == pytest.approx({PLAIN: 0.010, LAST: 0.008, HALF: 0.012})
    assert list(times) == EVERY


def test_every_candidate_has_three_warm_passes_of_the_asked_size() -> None:
    made_up = MadeUp({PLAIN: 0.10, LAST: 0.08, HALF: 0.12})
    measure(made_up, EVERY, images=5)
    for candidate in EVERY:
        assert made_up.calls.count((candidate, 5)) >= 1 + 3


def test_candidates_take_turns_so_that_drift_hits_all() -> None:
    made_up = MadeUp({PLAIN: 0.010, LAST: 0.010, HALF: 0.010}, drift=1.01)
    times = measure(made_up, EVERY, images=8)
    assert [candidate for candidate, _ in made_up.calls[:9]] == EVERY * 3
    assert max(times.values()) <= 1.03 * min(times.values())


def test_a_quick_network_takes_about_a_second() -> None:
    made_up = MadeUp({PLAIN: 1e-4, LAST: 2e-4, HALF: 1e-4})
    measure(made_up, EVERY, images=8)
    assert 1.0 <= sum(made_up.seconds) < 1.1


def test_a_hopeless_candidate_is_dropped_after_a_cheap_pass_and_its_time_kept() -> None:
    made_up = MadeUp({PLAIN: 0.10, LAST: 0.08, HALF: 1.0})
    times = measure(made_up, EVERY, images=8)
    assert [count for candidate, count in made_up.calls if candidate == HALF] == [2, 2]
    assert times == pytest.approx({PLAIN: 0.10, LAST: 0.08, HALF: 1.0})


def test_one_candidate_that_is_left_is_not_timed_further() -> None:
    made_up = MadeUp({PLAIN: 0.10, LAST: 0.01, HALF: 1.0})
    assert measure(made_up, EVERY, images=8) == pytest.approx({PLAIN: 0.10, LAST: 0.01, HALF: 1.0})
    assert len(made_up.calls) == 6


@pytest.mark.parametrize("per_image", [0.05, 0.2, 0.4, 0.8, 1.5, 3.0, 30.0])
@pytest.mark.parametrize("first", [0.0, 2.0])
def test_all_passes_together_take_ten_seconds_at_most(per_image: float, first: float) -> None:
    """But for what can't be foreseen: the first pass of each candidate."""
    made_up = MadeUp({PLAIN: per_image, LAST: 0.9 * per_image, HALF: 0.8 * per_image}, first)
    times = measure(made_up, EVERY, images=64)
    unforeseen = max(second for call, second in zip(made_up.calls, made_up.seconds, strict=True) if call[1] == 2)
    assert sum(made_up.seconds) <= 10 + unforeseen
    assert times
    if len(times) == 3 and not first:
        assert times == pytest.approx({PLAIN: per_image, LAST: 0.9 * per_image, HALF: 0.8 * per_image})


def test_images_are_fewer_where_there_is_no_time_for_all() -> None:
    made_up = MadeUp({PLAIN: 0.10, LAST: 0.09, HALF: 0.08})
    measure(made_up, EVERY, images=64)
    sizes = {count for _, count in made_up.calls}
    assert max(sizes) < 64
    assert sum(made_up.seconds) > 7


def test_a_turn_that_was_cut_short_does_not_count() -> None:
    made_up = MadeUp({PLAIN: 1.0, LAST: 1.0, HALF: 1.0})
    times = measure(made_up, EVERY, images=64)
    assert set(times) == set(EVERY)
    assert times == pytest.approx(dict.fromkeys(EVERY, 1.0))


def test_what_a_network_can_not_do_is_left_out() -> None:
    made_up = MadeUp({PLAIN: 0.10, LAST: 0.09, HALF: 0.0})

    def time_pass(candidate: Precision, count: int) -> float:
        if candidate == HALF:
            raise NotImplementedError('"pool" not implemented for BFloat16')
        return made_up(candidate, count)

    assert set(measure(time_pass, EVERY, images=8)) == {PLAIN, LAST}


def test_nothing_is_found_where_every_candidate_fails() -> None:
    def time_pass(candidate: Precision, count: int) -> float:
        raise RuntimeError("out of memory")

    assert measure(time_pass, EVERY, images=8) == {}


def test_a_pass_changes_neither_weights_nor_statistics_nor_the_random_state() -> None:
    spec = ModelSpec("resnet18", 3, 3, 32, "linear", None, (0.5,) * 3, (0.25,) * 3)
    model = build(spec).train()
    model.head = torch.nn.Sequential(torch.nn.Dropout(0.5), model.head)
    before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
    time_pass = passes(model, (3, 32, 32))
    for candidate in (*EVERY, Precision("bf16", "contiguous")):
        assert time_pass(candidate, 2) > 0
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(weight.grad is None and weight.is_contiguous() for weight in model.parameters())
    assert model.training


def test_passes_are_in_the_format_and_layout_of_the_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build(ModelSpec("small_cnn", 3, 3, 16, "linear", None, (0.5,) * 3, (0.25,) * 3))
    seen: list[tuple[torch.dtype, bool, int]] = []

    def look(module: torch.nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        last = inputs[0].is_contiguous(memory_format=torch.channels_last)
        seen.append((output.dtype, last, len(inputs[0])))

    first = next(module for module in model.modules() if isinstance(module, torch.nn.Conv2d))
    first.register_forward_hook(look)
    time_pass = passes(model, (3, 16, 16))
    for number, candidate in enumerate(EVERY):
        time_pass(candidate, 2 + number)
    assert seen == [(torch.float32, False, 2), (torch.float32, True, 3), (torch.bfloat16, True, 4)]


def test_a_real_network_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "ENOUGH", 0.0)
    model = build(ModelSpec("small_cnn", 3, 1, 16, "linear", None, (0.5,), (0.25,)))
    times = measure(passes(model, (1, 16, 16)), EVERY, images=8)
    assert set(times) == set(EVERY)
    assert all(0 < seconds < 1 for seconds in times.values())
