"""Puts the loop together: feed, optimiser, weight average, and the checkpoint to go on from."""

from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric

from fewlabels.errors import UserError
from fewlabels.models.averaging import WeightAverage
from fewlabels.models.statistics import freeze_statistics
from fewlabels.run.experiment import Plain, Prepared, training_pool
from fewlabels.sampling.schedule import Stream
from fewlabels.training.checkpoint import Checkpoint
from fewlabels.training.feed import EmbeddedViews, Feed, PixelViews, ViewMaker
from fewlabels.training.frozen import FEW_VIEWS, embed_views, freeze, remember
from fewlabels.training.loop import Evaluate, Trainer
from fewlabels.training.optimisation import Optimisation, make_optimizer
from fewlabels.training.progress import Progress
from fewlabels.training.rounds import Rounds


def assemble(
    prepared: Prepared, fabric: Fabric, folder: Path, evaluate: Evaluate, plain: Plain, progress: Progress,
    saved: Checkpoint | None,
) -> Trainer:  # fmt: skip
    """The loop with everything in it, put back to its checkpoint where there is one."""
    options, method = prepared.options, prepared.method
    assert options.lr is not None
    assert options.backbone_lr is not None
    assert options.eval_every is not None
    assert options.clip is not None
    if options.freeze:
        freeze(method.model)
    if prepared.remembers:
        remember(method)
    if options.statistics == "fixed":
        freeze_statistics(method)
    how = Optimisation(
        options.optimizer, options.lr, options.backbone_lr, options.weight_decay, options.schedule, options.warmup,
        options.clip,
    )  # fmt: skip
    average = WeightAverage(method.model, options.ema)
    trainer = Trainer(
        fabric=fabric, method=method, optimizer=make_optimizer(method, how), average=average,
        feed=make_feed(prepared, fabric, progress), pool=training_pool(prepared, average.shadow, plain), how=how,
        seed=options.seed, eval_every=options.eval_every, folder=folder, evaluate=evaluate, show=progress.show,
    )  # fmt: skip
    if saved is not None:
        trainer.restore(saved)
    return trainer


def make_feed(prepared: Prepared, fabric: Fabric, progress: Progress) -> Feed:
    """The batches of this process."""
    options, split = prepared.options, prepared.split
    assert options.batch_size is not None
    assert options.steps is not None
    size, mu = options.batch_size, prepared.mu
    if size % fabric.world_size:
        raise UserError(
            f"--batch-size {size} can't be shared by {fabric.world_size} processes; give a multiple of their number"
        )
    ranks = (fabric.global_rank, fabric.world_size)
    labelled = Stream(torch.from_numpy(split.labelled), size, options.seed, "labelled", *ranks)
    unlabelled = Stream(torch.from_numpy(split.pool), size * mu, options.seed, "unlabelled", *ranks) if mu else None
    labels = torch.from_numpy(split.given)
    maker = make_views(prepared, progress)
    rounds = Rounds.of(prepared.method.rounds, options.steps)
    return Feed(maker, labelled, unlabelled, labels.to(fabric.device), rounds, options.seed)


def make_views(prepared: Prepared, progress: Progress) -> ViewMaker:
    """Views from pixels, or, for a frozen trunk, from features that are computed here and now."""
    seed = prepared.options.seed
    labelled, unlabelled = prepared.labelled_views, prepared.unlabelled_views
    if not prepared.embeds:
        first, second = (tuple(view for _, view in named) for named in (labelled, unlabelled))
        return PixelViews(prepared.images, first, second, seed, FEW_VIEWS if prepared.remembers else None)
    names = [tuple(name for name, _ in named) for named in (labelled, unlabelled)]
    if not prepared.method.trains:
        return EmbeddedViews({}, names[0], names[1], seed)
    used = np.union1d(prepared.split.labelled, prepared.split.pool) if unlabelled else prepared.split.labelled
    kept = embed_views(
        prepared.method.model, prepared.images, torch.from_numpy(used), len(prepared.dataset),
        dict([*labelled, *unlabelled]), prepared.options.flip or "none", seed, progress.embedding,
    )  # fmt: skip
    return EmbeddedViews(kept, names[0], names[1], seed)
