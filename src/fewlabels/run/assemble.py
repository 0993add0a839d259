"""Put the loop together: feed, optimiser, weight average, and the checkpoint to continue from."""

from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric

from fewlabels.errors import UserError
from fewlabels.files import write_text
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.inference import features
from fewlabels.models.statistics import freeze_statistics
from fewlabels.sampling.schedule import Stream
from fewlabels.training.checkpoint import Checkpoint
from fewlabels.training.experiment import Experiment
from fewlabels.training.feed import Feed
from fewlabels.training.loop import Evaluate, Trainer
from fewlabels.training.observer import history_csv
from fewlabels.training.optimisation import Optimisation, make_optimizer
from fewlabels.training.pool import Probabilities, training_pool
from fewlabels.training.probe_start import start_at_probe
from fewlabels.training.progress import Progress
from fewlabels.training.rounds import Rounds
from fewlabels.training.trunk import used_rows


def assemble(
    experiment: Experiment, fabric: Fabric, run: Path, evaluate: Evaluate, predict: Probabilities,
    progress: Progress, saved: Checkpoint | None,
) -> Trainer:  # fmt: skip
    """Make the loop with everything in it, and restore its checkpoint where there is one.

    Args:
        experiment: the pieces of the run.
        fabric: device and processes.
        run: the run folder, which receives checkpoints and history.csv.
        evaluate: what is measured at every evaluation.
        predict: the task's predictions, for methods that look at the pool.
        progress: what a person sees.
        saved: the checkpoint of a run that is resumed.
    """
    settings, method = experiment.settings, experiment.method
    experiment.trunk.apply(method)
    _start_heads(experiment)
    if settings.statistics == "fixed":
        freeze_statistics(method)
    how = Optimisation(
        settings.optimizer, settings.lr, settings.backbone_lr, settings.weight_decay, settings.schedule,
        settings.warmup, settings.clip,
    )  # fmt: skip
    average = WeightAverage(method.model, settings.ema)

    def write_history(rows: list[dict[str, Any]]) -> None:
        if fabric.is_global_zero:
            write_text(run / "history.csv", history_csv(rows))

    trainer = Trainer(
        fabric=fabric, method=method, optimizer=make_optimizer(method, how), average=average,
        feed=make_feed(experiment, fabric, progress), pool=training_pool(experiment, average.shadow, predict), how=how,
        seed=settings.seed, eval_every=settings.eval_every, folder=run / "checkpoint", evaluate=evaluate,
        write_history=write_history, show=progress.show,
    )  # fmt: skip
    if saved is not None:
        trainer.restore(saved)
    return trainer


def _start_heads(experiment: Experiment) -> None:
    """Let heads that train on cached features of one class per image start from a logistic regression."""
    method, given = experiment.method, torch.from_numpy(experiment.split.given)
    if method.trains and not experiment.trunk.gives_pixels and given.ndim == 1 and not given.is_floating_point():
        rows = torch.from_numpy(experiment.split.labelled)
        start_at_probe(method, features(method.model, experiment.trunk.plain(rows)), given[rows], method.num_classes)


def make_feed(experiment: Experiment, fabric: Fabric, progress: Progress) -> Feed:
    """Make the batches of this process."""
    settings, split, mu = experiment.settings, experiment.split, experiment.mu
    size = settings.batch_size
    if size % fabric.world_size:
        raise UserError(
            f"--batch-size {size} can't be shared by {fabric.world_size} processes; give a multiple of their number"
        )
    ranks, seed = (fabric.global_rank, fabric.world_size), settings.seed
    labelled_rows, pool = torch.from_numpy(split.labelled), torch.from_numpy(split.pool)
    labelled = Stream(labelled_rows, size, seed, "labelled", *ranks)
    unlabelled = Stream(pool, size * mu, seed, "unlabelled", *ranks) if mu else None
    rows = used_rows(experiment.views, labelled_rows, pool) if experiment.method.trains else labelled_rows[:0]
    maker = experiment.trunk.view_maker(experiment.views, rows, progress.embedding)
    rounds = Rounds.of(experiment.method.rounds, settings.steps)
    return Feed(maker, labelled, unlabelled, torch.from_numpy(split.given).to(fabric.device), rounds, seed)
