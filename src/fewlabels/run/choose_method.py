"""Resolve ``--method auto``: the options of a run with the method that was chosen for its data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from fewlabels.auto.choice import Choice
from fewlabels.auto.request import AutoRequest, Tried
from fewlabels.data.dataset import Dataset
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import AUTO
from fewlabels.options import TrainOptions, seconds_of
from fewlabels.run.defaults import SMALL
from fewlabels.run.plan import Plan, is_grey, make_plan, short_side
from fewlabels.run.prepare import prepare
from fewlabels.run.time_limit import Fitted, fit_to_time
from fewlabels.tasks.task import Task
from fewlabels.training.machine import from_first_process


@dataclass(frozen=True)
class Chosen:
    """Options with a method that is not ``auto``, and how it was chosen."""

    options: TrainOptions
    choice: Choice | None
    """None where the user named the method."""


def choose_method(
    options: TrainOptions, task: Task, dataset: Dataset, device: torch.device, threads: int,
    say: Callable[[str], None],
) -> Chosen:  # fmt: skip
    """Choose the method of a run whose options leave it open. The first process decides for all.

    Raises:
        UserError: if the task has no way to choose, or nothing can be learned from the labels.
    """
    if options.method != AUTO:
        return Chosen(options, None)

    def plan(options: TrainOptions) -> Plan:
        return make_plan(options, task, dataset, device, threads, say)

    def fitted(options: TrainOptions) -> Fitted:
        if options.time is None:
            return Fitted(options, False, ())
        return fit_to_time(options, seconds_of(options.time), plan, len(dataset))

    def experiment(method: str) -> Tried:
        fits = fitted(replace(options, method=method))
        return Tried(prepare(plan(fits.options), dataset, device, say), fits.hurried)

    small = (options.image_size or short_side(dataset)) <= SMALL and options.weights in (None, "none")
    trained = options.freeze is False or options.steps is not None or options.weights == "none"
    choice = task.choose(AutoRequest(small, is_grey(dataset), trained, options.seed, experiment, say))
    choice = from_first_process(lambda: choice)
    fits = fitted(replace(options, method=choice.method, parameters=choice.parameters))
    reason = "; ".join([choice.reason, *fits.notes])
    return Chosen(replace(fits.options, time=None), replace(choice, reason=reason))


def stored_choice(run: Path) -> Choice | None:
    """Read the choice of a run that is resumed; None if its method was named."""
    config: dict[str, Any] = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    values = (config.get("record") or {}).get(AUTO)
    try:
        return None if values is None else Choice.from_dict(values)
    except ValueError:
        raise UserError(f"{run / 'config.yaml'}: its record of the choice is damaged; give another --out") from None
