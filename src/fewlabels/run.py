"""One run from beginning to end: the order in which everything happens, and nothing else."""

import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
import yaml

from fewlabels.data.read import read
from fewlabels.errors import UserError
from fewlabels.evaluation.watch import Watch
from fewlabels.methods.catalogue import check_parameters, load_method
from fewlabels.methods.method import Batch
from fewlabels.models.precision import choose_precision
from fewlabels.options import TrainOptions, flag, read_config, validate
from fewlabels.report.ledger import check_same_split, write_ledger
from fewlabels.report.outcome import final_metrics, predict_all, summarise
from fewlabels.report.page import render
from fewlabels.report.saved_model import save_model
from fewlabels.sampling.schedule import Stream
from fewlabels.training import checkpoint as checkpoints
from fewlabels.training.averaging import WeightAverage
from fewlabels.training.defaults import decide
from fewlabels.training.experiment import Prepared, facts_of, prepare, training_pool
from fewlabels.training.feed import EmbeddedViews, Feed, PixelViews
from fewlabels.training.files import write_json, write_text
from fewlabels.training.frozen import embed_views, freeze
from fewlabels.training.loop import Trainer
from fewlabels.training.machine import make_deterministic, make_fabric, pick_device, record
from fewlabels.training.observer import history_csv
from fewlabels.training.optimisation import Optimisation, make_optimizer
from fewlabels.training.progress import Progress


def train(options: TrainOptions, resume: bool = False, say: Callable[[str], None] = print) -> Path:
    """Train a model as the options say and leave a run folder.

    Args:
        options: None in an option means: decided from the data and the device.
        resume: go on where a run in the same folder stopped.
        say: receives one line of text at a time.

    Returns:
        The run folder.

    Raises:
        UserError: for anything wrong with options, data or run folder; nothing is lost then.
        Interrupted: after SIGTERM or Ctrl-C; ``resume`` goes on from there.
    """
    check_parameters(options.method, options.parameters) if options.method else None
    validate(options)
    out = Path(options.out or f"runs/{Path(options.data).name}-{options.method}-{options.seed}")
    options, resume = _claim(replace(options, out=str(out)), out, resume)
    if resume and (out / "metrics.json").exists():
        say(f"{out} is finished; nothing to resume")
        return out
    device = pick_device(options.device)
    threads = make_deterministic(options.threads)
    precision = choose_precision(device, options.precision)
    fabric = make_fabric(device, precision)
    dataset = read(options.data, Path(options.labels) if options.labels else None, Path(options.root), options.skip_bad)
    options = decide(options, facts_of(dataset, device, load_method(options.method).trains))
    options = replace(options, device=str(device), threads=threads, precision=precision.name)
    prepared = prepare(options, dataset, fabric.device, precision)
    config = _config(prepared, record(fabric, threads))
    progress = Progress(options.steps or 0, say, quiet=not fabric.is_global_zero)
    for note in prepared.notes:
        progress.say(f"note: {note}")
    if fabric.is_global_zero:
        _open_folder(out, config, prepared, resume)
    trainer = _trainer(prepared, fabric, out, progress, resume)
    progress.start(trainer.step, _estimate(trainer))
    with progress:
        trainer.run()
    if fabric.is_global_zero:
        _finish(out, config, prepared, trainer, progress)
    fabric.barrier()
    return out


def _claim(options: TrainOptions, out: Path, resume: bool) -> tuple[TrainOptions, bool]:
    """The options to use: the stored ones where a run is resumed, after a check that nothing else was asked for."""
    if not out.exists():
        return options, False
    if not resume:
        raise UserError(f"{out} exists; give another --out, or --resume to go on with it")
    if not (out / "config.yaml").is_file():
        raise UserError(f"{out} holds no run (no config.yaml); give another --out")
    stored = TrainOptions().replaced(read_config(out / "config.yaml"))
    for f in fields(TrainOptions):
        asked, before = getattr(options, f.name), getattr(stored, f.name)
        if f.name == "parameters":
            asked, before = {k: str(v) for k, v in asked.items()}, {k: str(before.get(k)) for k in asked}
        if (
            asked != f.default
            and f.name not in ("out", "root", "data", "labels", "workers", "memory")
            and asked != before
        ):
            raise UserError(
                f"{out} was begun with {flag(f.name)} {before}, not {asked}; leave it out, or give another --out"
            )
    paths = {"data": options.data, "labels": options.labels, "root": options.root, "out": options.out}
    return replace(stored, **paths), True


def _config(prepared: Prepared, versions: dict[str, Any]) -> dict[str, Any]:
    """What config.yaml holds: every option with its final value, every parameter of the method, the versions."""
    options = prepared.options
    config = {f.name: getattr(options, f.name) for f in fields(TrainOptions)}
    chosen = prepared.method.p
    config["parameters"] = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    return {**config, "record": versions}


def _open_folder(out: Path, config: dict[str, Any], prepared: Prepared, resume: bool) -> None:
    """The folder as it stands before step 0: the configuration and the split."""
    if resume and (out / "labels.csv").exists():
        check_same_split(out / "labels.csv", prepared.dataset, prepared.split)
        return
    out.mkdir(parents=True, exist_ok=True)
    write_text(out / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    write_ledger(out / "labels.csv", prepared.dataset, prepared.split, None)


def _trainer(prepared: Prepared, fabric: Any, out: Path, progress: Progress, resume: bool) -> Trainer:
    """The loop with everything in it, put back to its checkpoint where there is one."""
    options, method = prepared.options, prepared.method
    assert options.lr is not None and options.backbone_lr is not None and options.eval_every is not None
    saved = checkpoints.load(out / "checkpoint") if resume else None
    if options.freeze:
        freeze(method.model)
    if saved is None:
        method.prepare(training_pool(prepared))
    bf16 = prepared.precision.name == "bf16"
    average = WeightAverage(method.model, options.ema)
    how = Optimisation(
        options.optimizer, options.lr, options.backbone_lr, options.weight_decay, options.schedule, options.warmup,
        options.clip,
    )  # fmt: skip
    trainer = Trainer(
        fabric=fabric, method=method, optimizer=make_optimizer(method, how), average=average,
        feed=_feed(prepared, fabric, progress), how=how, seed=options.seed, eval_every=options.eval_every,
        folder=out / "checkpoint", show=progress.show,
        evaluate=Watch(prepared.dataset, prepared.split, prepared.images.plain, bf16, progress.say),
    )  # fmt: skip
    if saved is not None:
        trainer.restore(saved)
    if resume:
        progress.say(f"resuming at step {trainer.step}")
    return trainer


def _feed(prepared: Prepared, fabric: Any, progress: Progress) -> Feed:
    """Batches of this process."""
    options, split, method = prepared.options, prepared.split, prepared.method
    assert options.batch_size and options.steps is not None
    size, mu = options.batch_size, getattr(method.p, "mu", 0) if prepared.unlabelled_views else 0
    if size % fabric.world_size or (size * mu) % fabric.world_size:
        raise UserError(
            f"--batch-size {size} can't be shared by {fabric.world_size} processes; give a multiple of them"
        )
    ranks = (fabric.global_rank, fabric.world_size)
    labelled = Stream(torch.from_numpy(split.labelled), size, options.seed, "labelled", *ranks)
    unlabelled = Stream(torch.from_numpy(split.pool), size * mu, options.seed, "unlabelled", *ranks) if mu else None
    labels = torch.full((len(prepared.dataset),), -1)
    labels[split.labelled] = torch.from_numpy(prepared.dataset.labels)[split.labelled]
    maker = _embedded(prepared, progress) if options.freeze and not method.mixes_pixels else PixelViews(
        prepared.images, tuple(prepared.labelled_views.values()), tuple(prepared.unlabelled_views.values()), options.seed
    )  # fmt: skip
    return Feed(maker, labelled, unlabelled, labels.to(fabric.device), options.steps, options.seed)


def _embedded(prepared: Prepared, progress: Progress) -> EmbeddedViews:
    """A few views of each training image, through the frozen trunk."""
    names = tuple(prepared.labelled_views), tuple(prepared.unlabelled_views)
    if not prepared.method.trains:
        return EmbeddedViews({}, *names, prepared.options.seed)
    rows = torch.from_numpy(prepared.split.pool if names[1] else prepared.split.labelled)
    if names[1] and prepared.options.pool != "all":
        rows = torch.cat([rows, torch.from_numpy(prepared.split.labelled)])
    kept = embed_views(
        prepared.method.model, prepared.images, rows, len(prepared.dataset),
        prepared.labelled_views | prepared.unlabelled_views, prepared.options.seed,
        prepared.precision.name == "bf16", progress.embedding,
    )  # fmt: skip
    return EmbeddedViews(kept, *names, prepared.options.seed)


def _estimate(trainer: Trainer) -> float | None:
    """Seconds the rest will take, from the second of two steps of a throw-away copy; None where there are no steps."""
    rest = trainer.feed.steps - trainer.step
    if rest < 2:
        return None
    method = deepcopy(trainer.method)
    batches = trainer.feed.batches(trainer.step)

    def step(batch: Batch) -> None:
        with trainer.fabric.autocast():
            terms = method(batch).terms
        torch.stack(list(terms.values())).sum().backward()

    step(next(batches))
    begin = time.monotonic()
    step(next(batches))
    return 1.1 * (time.monotonic() - begin) * rest


def _finish(out: Path, config: dict[str, Any], prepared: Prepared, trainer: Trainer, progress: Progress) -> None:
    """Everything the run leaves; metrics.json is written last and marks the run as finished."""
    model = trainer.average.shadow
    assert prepared.options.steps is not None
    save_model(out, model, prepared.spec, prepared.dataset.classes, prepared.options.task)
    predictions = predict_all(prepared, model)
    metrics = final_metrics(prepared, model, predictions)
    seconds = trainer.elapsed()
    per_step = (prepared.options.batch_size or 0) * (1 + getattr(prepared.method.p, "mu", 0))
    metrics["train"] = {
        "num_labels": len(prepared.split.labelled), "num_unlabelled": len(prepared.split.pool), "steps": trainer.step, "seconds": round(seconds, 3),
        "images_per_second": round(per_step * trainer.step / seconds, 3) if seconds else 0.0,
    }  # fmt: skip
    write_ledger(out / "labels.csv", prepared.dataset, prepared.split, predictions)
    summary = summarise(prepared, out.name, config, metrics, trainer.history, predictions)
    write_text(out / "history.csv", history_csv(trainer.history))
    write_text(out / "report.html", render([summary]))
    write_json(out / "metrics.json", metrics)
