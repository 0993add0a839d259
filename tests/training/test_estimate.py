"""What a run says, before it begins, of how long it will take."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from fewlabels.methods.method import Losses
from fewlabels.training.estimate import estimate_seconds

FRESH, AGAIN = 2.0, 0.25


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

    def forward(self, batch: int) -> Losses:
        self.clock.now += AGAIN if batch in self.seen else FRESH if self.seen else 100
        self.seen.add(batch)
        return Losses({"loss": self.weight * 1})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


def trainer(clock: Clock, steps: int, done: int = 0) -> Any:
    feed = SimpleNamespace(steps=steps, batches=lambda start: iter(range(start, steps)))
    fabric = SimpleNamespace(autocast=nullcontext)
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
