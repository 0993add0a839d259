"""One run from beginning to end: the order in which everything happens, and nothing else."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from fewlabels.data.dataset import Dataset
from fewlabels.files import write_json, write_text
from fewlabels.methods.catalogue import check_parameters, load_method
from fewlabels.models.precision import choose_precision
from fewlabels.options import TrainOptions, validate
from fewlabels.report.page import render
from fewlabels.run.assemble import assemble
from fewlabels.run.defaults import decide
from fewlabels.run.estimate import estimate_seconds
from fewlabels.run.experiment import Plain, Prepared, facts_of, prepare
from fewlabels.run.ledger import write_ledger
from fewlabels.run.run_folder import claim, describe_run, open_folder
from fewlabels.run.saved_model import save_model
from fewlabels.tasks.choose import choose_task
from fewlabels.tasks.task import Outcome, load_task, predict_all
from fewlabels.training import checkpoint
from fewlabels.training.frozen import PlainFeatures
from fewlabels.training.loop import Trainer
from fewlabels.training.machine import keep_freed_memory, make_deterministic, make_fabric, pick_device, record
from fewlabels.training.observer import history_csv
from fewlabels.training.progress import Progress


def train(
    options: TrainOptions, resume: bool = False, say: Callable[[str], None] = print, dataset: Dataset | None = None
) -> Path:
    """Train a model as the options say and leave a run folder.

    Args:
        options: None in an option means: decided from the data and the device.
        resume: go on where a run in the same folder stopped; where there is none, begin.
        say: receives one line of text at a time.
        dataset: images already read; ``options.data`` is then only their name.

    Returns:
        The run folder.

    Raises:
        UserError: for anything wrong with options, data or run folder; nothing is lost then.
        Interrupted: after SIGTERM or Ctrl-C; ``resume`` goes on from there.
    """
    validate(options)
    task = load_task(choose_task(options))
    options = replace(options, task=task.name)
    check_parameters(options.method, options.parameters, task.name)
    out = Path(options.out or f"runs/{_name(options)}")
    options, resume = claim(replace(options, out=str(out)), out, resume)
    if resume and (out / "metrics.json").exists():
        say(f"{out} is finished; nothing to resume")
        return out
    device = pick_device(options.device)
    keep_freed_memory()
    threads = make_deterministic(options.threads)
    dataset = dataset or task.read(options)
    kind = load_method(options.method, task.name)
    options = decide(options, facts_of(dataset, device, kind, task, options.parameters))
    assert options.backbone is not None
    precision = choose_precision(device, options.backbone, options.precision)
    fabric = make_fabric(device, precision, kind.has_unused_parameters)
    options = replace(options, device=str(device), threads=threads, precision=precision.name)
    prepared = prepare(task, options, dataset, fabric.device, precision)
    config = describe_run(prepared, record(fabric, threads))
    progress = Progress(options.steps or 0, say, quiet=not fabric.is_global_zero)
    for note in prepared.notes:
        progress.say(f"note: {note}")
    saved = checkpoint.load(out / "checkpoint") if resume else None
    plain = PlainFeatures(prepared.method.model, prepared.images) if prepared.embeds else prepared.images.plain
    watch = task.watch(prepared, plain, progress.say)
    if fabric.is_global_zero:
        open_folder(out, config, prepared, resume)
    trainer = assemble(prepared, fabric, out / "checkpoint", watch, plain, progress, saved)
    if resume:
        progress.say(f"resuming at step {trainer.step}")
    progress.start(trainer.step, estimate_seconds(trainer, prepared.fresh_steps))
    with progress:
        trainer.run()
    progress.say(f"labelling all {len(dataset)} images")
    if fabric.is_global_zero:
        finish(out, config, prepared, trainer, plain)
    fabric.barrier()
    return out


def _name(options: TrainOptions) -> str:
    """A folder name that says what was run."""
    source = [Path(options.labelled_from).name] if options.labelled_from else []
    return "-".join([*source, Path(options.data).name, options.method, str(options.seed)])


def finish(out: Path, config: dict[str, Any], prepared: Prepared, trainer: Trainer, plain: Plain) -> None:
    """Everything the run leaves; metrics.json is written last and marks the run as finished."""
    task, dataset, split, model = prepared.task, prepared.dataset, prepared.split, trainer.average.shadow
    save_model(out, model, prepared.spec, dataset.classes, task.name)
    outcome = Outcome(model, plain, predict_all(prepared, model, plain))
    write_ledger(out / "labels.csv", task, dataset, split, outcome.predictions)
    metrics = task.metrics(prepared, outcome)
    metrics["train"] = trainer.figures() | {
        "num_labels": len(split.labelled),
        "num_unlabelled": len(split.unlabelled),
    }
    write_text(out / "history.csv", history_csv(trainer.history))
    summary = task.summarise(prepared, outcome, out.name, config, metrics, trainer.history)
    write_text(out / "report.html", render([summary]))
    write_json(out / "metrics.json", metrics)
