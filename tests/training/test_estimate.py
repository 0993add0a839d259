"""What a run says, before it begins, of how long it will take."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest
import torch
from torch import nn

from fewlabels.methods.method import Losses
from fewlabels.run.estimate import estimate_seconds
from fewlabels.training.rounds import Rounds

FRESH, AGAIN, REFINING = 2.0, 0.25, 3.0


class Step(NamedTuple):
    """A batch of which nothing matters but when it comes."""

    number: int
    round: int


class Clock:
    """Passes only while a method computes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __deepcopy__(self, _: Any) -> "Clock":
        return self


class Remembering(nn.Module):
    """Slow with what it sees for the first time, and with its first step."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.clock, self.seen = clock, set[int]()

    def forward(self, batch: Step) -> Losses:
        seen = AGAIN if batch.number in self.seen else FRESH if self.seen else 100
        self.clock.now += REFINING if batch.round else seen
        self.seen.add(batch.number)
        return Losses({"loss": self.weight * 1})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


def trainer(clock: Clock, steps: int, done: int = 0, rounds: int = 1, processes: int = 1) -> Any:
    every = Rounds.of(rounds, steps)
    feed = SimpleNamespace(
        steps=steps, rounds=every, batches=lambda start: (Step(t, every.at(t)) for t in range(start, steps))
    )
    fabric = SimpleNamespace(autocast=nullcontext, world_size=processes)
    return SimpleNamespace(feed=feed, step=done, method=Remembering(clock), fabric=fabric)


def test_where_every_view_is_new_each_step_is_counted_as_slow(clock: Clock) -> None:
    assert estimate_seconds(trainer(clock, 100)) == pytest.approx(1.1 * 100 * FRESH)


def test_steps_whose_views_are_remembered_are_counted_as_quick(clock: Clock) -> None:
    expected = 1.1 * (4 * FRESH + 96 * AGAIN)
    assert estimate_seconds(trainer(clock, 100), fresh_steps=4) == pytest.approx(expected)


def test_a_run_shorter_than_its_views_has_slow_steps_only(clock: Clock) -> None:
    assert estimate_seconds(trainer(clock, 100, done=90), fresh_steps=40) == pytest.approx(1.1 * 10 * FRESH)


def test_a_single_step_is_not_worth_an_estimate(clock: Clock) -> None:
    assert estimate_seconds(trainer(clock, 10, done=9)) is None


def test_steps_of_a_last_round_count_as_what_one_of_them_takes(clock: Clock) -> None:
    """LCHP's second stage crops and moves other images in each step."""
    expected = 1.1 * (4 * FRESH + 46 * AGAIN + 50 * REFINING)
    assert estimate_seconds(trainer(clock, 100, rounds=2), fresh_steps=4) == pytest.approx(expected)


def test_a_run_that_goes_on_in_its_last_round_has_steps_of_that_only(clock: Clock) -> None:
    found = estimate_seconds(trainer(clock, 100, done=70, rounds=2), fresh_steps=4)
    assert found == pytest.approx(1.1 * 30 * REFINING)


def test_each_process_remembers_what_it_saw_itself(clock: Clock) -> None:
    expected = 1.1 * (8 * FRESH + 92 * AGAIN)
    assert estimate_seconds(trainer(clock, 100, processes=2), fresh_steps=4) == pytest.approx(expected)
