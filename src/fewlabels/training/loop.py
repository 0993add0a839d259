"""The training loop."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch.optim import Optimizer

from fewlabels.errors import Interrupted, UserError
from fewlabels.methods.method import Method, Pool
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.classifier import Classifier
from fewlabels.randomness import key_of
from fewlabels.training import checkpoint as checkpoints
from fewlabels.training.checkpoint import Checkpoint, part, prefixed
from fewlabels.training.feed import Feed
from fewlabels.training.machine import seed_generator
from fewlabels.training.observer import RunningMeans
from fewlabels.training.optimisation import Optimisation, clip_gradient, lr_factor, set_lr

CHECKPOINT_STEPS = 100
CHECKPOINT_SECONDS = 30.0
LOOK_STEPS = 20
"""Steps between two synchronisations with the device, to check the loss and update the progress bar."""

Evaluate = Callable[[Classifier, Method], dict[str, Any]]
Show = Callable[[int, dict[str, float]], None]


@dataclass
class Trainer:
    """The state of a run and how a step changes it."""

    fabric: Fabric
    method: Method
    optimizer: Optimizer
    average: WeightAverage
    feed: Feed
    pool: Pool
    how: Optimisation
    seed: int
    eval_every: int
    folder: Path
    """Folder of the checkpoints."""
    evaluate: Evaluate
    write_history: Callable[[list[dict[str, Any]]], None]
    """Receives all rows so far, after every evaluation and when a run is resumed."""
    show: Show
    history: list[dict[str, Any]] = field(default_factory=list)
    step: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self.means = RunningMeans(self.fabric.device)
        self._clock = time.monotonic()
        self._saved = (-1, 0.0)
        self._initial = deepcopy(self.method.model.state_dict()) if self.method.reset_each_round == "weights" else None

    def run(self) -> None:
        """Train from the current step to the last.

        Raises:
            Interrupted: after SIGTERM or Ctrl-C, once the state is saved.
            UserError: the loss is not finite; the last good checkpoint is kept.
        """
        module, optimizer = self.fabric.setup(self.method, self.optimizer)
        self._clock = time.monotonic()
        self._saved = (self.step, self._clock)
        if self.step == 0:
            self._save()
        self._start_round_where_due(optimizer)
        with _stop_signals() as stopped:
            for batch in self.feed.batches(self.step):
                seed_generator(key_of(self.seed, "dropout", self.step, self.fabric.global_rank), self.fabric.device)
                set_lr(optimizer, self._lr_factor(), self.method.learning_rates(batch.round))
                losses = module(batch)
                total = torch.stack(list(losses.terms.values())).sum()
                self.fabric.backward(total)
                if self.how.clip:
                    clip_gradient(optimizer, self.how.clip)
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)
                self.method.after_step()
                self.average.update(self.method.model)
                self.means.add(losses, total)
                self.step += 1
                self._after_step()
                if stopped:
                    self._save()
                    raise Interrupted(stopped[0])
                if self.step < self.feed.steps:
                    self._start_round_where_due(optimizer)
        self._save()

    def _start_round_where_due(self, optimizer: Optimizer) -> None:
        """Start the round whose first step comes next.

        A checkpoint of this step is written before this call, so a resumed run repeats the call exactly when the
        checkpoint does not contain its result.
        """
        rounds = self.feed.rounds
        if not rounds.begins(self.step):
            return
        if self.step and self.method.reset_each_round != "nothing":
            optimizer.state.clear()
        if self.step and self._initial is not None:
            self.method.model.load_state_dict(self._initial)
        self.method.start_round(rounds.at(self.step), self.pool)
        if not self.step or self._initial is not None:
            self.average.restart(self.method.model)

    def _lr_factor(self) -> float:
        """Return the learning rate factor of the run, or of the round where each round restarts the schedule."""
        rounds, first, last = self.feed.rounds, 0, self.feed.steps
        if self.method.reset_each_round in ("schedule", "weights"):
            first, last = (rounds.first(rounds.at(self.step) + more) for more in (0, 1))
        return lr_factor(self.step - first, last - first, self.how.schedule, self.how.warmup)

    def _after_step(self) -> None:
        """Show, evaluate and save, each when it is due."""
        last = self.step == self.feed.steps
        if self.step % LOOK_STEPS == 0 or last:
            self._refuse_non_finite()
            self.show(self.step, self._means())
        if self.step % self.eval_every == 0 or last:
            self._refuse_non_finite()
            self._evaluate()
        steps, seconds = self.step - self._saved[0], time.monotonic() - self._saved[1]
        if steps >= CHECKPOINT_STEPS or seconds >= CHECKPOINT_SECONDS:
            self._refuse_non_finite()
            self._save()

    def _refuse_non_finite(self) -> None:
        if not bool(self.means.finite):
            raise UserError(
                f"the loss is not a finite number before step {self.step}; the last good checkpoint is in "
                f"{self.folder}; start a new run with a smaller --lr (now {self.how.lr:g}) "
                f"or another --clip (now {self.how.clip:g}, where 0 disables it)"
            )

    def _evaluate(self) -> None:
        row = {"step": self.step, "seconds": self.elapsed(), "learning_rate": self.optimizer.param_groups[0]["lr"]}
        self.history.append({**row, **self._means(), **self.evaluate(self.average.shadow, self.method)})
        self.means.clear()
        self.write_history(self.history)

    def _means(self) -> dict[str, float]:
        """Return the running means over the global batch."""
        means = self.means.means()
        if self.fabric.world_size == 1:
            return means
        every = self.fabric.all_reduce({name: torch.tensor(value).double() for name, value in means.items()})
        return {name: float(value) for name, value in cast(dict[str, torch.Tensor], every).items()}

    def figures(self) -> dict[str, float]:
        """Return the ``train`` part of metrics.json."""
        seconds, streams = self.elapsed(), (self.feed.labelled, self.feed.unlabelled)
        images = self.step * sum(stream.batch for stream in streams if stream is not None)
        speed = images / seconds if seconds else 0.0
        return {"steps": self.step, "seconds": round(seconds, 3), "images_per_second": round(speed, 3)}

    def elapsed(self) -> float:
        """Return the seconds of training, including those before a resume."""
        return self.seconds + time.monotonic() - self._clock

    def _save(self) -> None:
        self._saved = (self.step, time.monotonic())
        if self.fabric.is_global_zero:
            checkpoints.save(self.folder, self.state())

    def state(self) -> Checkpoint:
        """Collect all that :meth:`restore` needs."""
        tensors = {
            **prefixed("method", dict(self.method.state_dict())),
            **prefixed("average", dict(self.average.state_dict())),
            **prefixed("optimizer", checkpoints.optimizer_tensors(self.optimizer)),
            **prefixed("means", self.means.tensors()),
        }
        return Checkpoint(self.step, tensors, {"seconds": self.elapsed(), "history": self.history})

    def restore(self, saved: Checkpoint) -> None:
        """Restore the state of a checkpoint."""
        where = str(self.folder)
        checkpoints.restore_module(self.method, part("method", saved.tensors), where)
        checkpoints.restore_module(self.average, part("average", saved.tensors), where)
        checkpoints.restore_optimizer(self.optimizer, part("optimizer", saved.tensors), where)
        self.means.restore(part("means", saved.tensors))
        self.step, self.seconds, self.history = saved.step, saved.state["seconds"], saved.state["history"]
        self.write_history(self.history)  # drops rows of steps that are done again


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Collect SIGTERM and Ctrl-C in a list instead of ending the program at once."""
    seen: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        seen.append(number)

    try:
        before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    except ValueError:  # not the main thread: whoever started the thread handles signals
        before = {}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
