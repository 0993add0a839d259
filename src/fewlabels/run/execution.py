"""Execute a run from start to end: this module fixes the order and does nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from fewlabels.data.dataset import Dataset
from fewlabels.run.assemble import assemble
from fewlabels.run.choose_method import Chosen, choose_method, stored_choice
from fewlabels.run.estimate import estimate_seconds
from fewlabels.run.finish import finish
from fewlabels.run.generator import read_generator, stored_generator
from fewlabels.run.plan import Plan, make_plan
from fewlabels.run.prepare import prepare
from fewlabels.run.request import Request
from fewlabels.run.run_folder import claim, describe_run, open_folder
from fewlabels.tasks.task import load_task
from fewlabels.training import checkpoint
from fewlabels.training.experiment import Experiment
from fewlabels.training.loop import Trainer
from fewlabels.training.machine import keep_freed_memory, make_deterministic, make_fabric, pick_device, record
from fewlabels.training.progress import Progress


@dataclass(frozen=True)
class Run:
    """A run whose pieces are built."""

    plan: Plan
    experiment: Experiment
    fabric: Fabric
    config: dict[str, Any]
    """What config.yaml holds."""
    out: Path
    progress: Progress


def execute(request: Request, resume: bool, say: Callable[[str], None], dataset: Dataset | None) -> Path:
    """Train as requested and leave a run folder; see :func:`fewlabels.run.train.train`."""
    options, resume = claim(request.options, request.out, resume)
    out = request.out
    if resume and (out / "metrics.json").exists():
        say(f"{out} is finished; nothing to resume")
        return out
    device = pick_device(options.device)
    keep_freed_memory()
    threads = make_deterministic(options.threads)
    task = load_task(request.task)
    dataset = dataset or task.read(options)
    make_fabric(device)  # joins the processes: where something is measured for the plan, the first decides for all
    chosen = (
        Chosen(options, stored_choice(out)) if resume else choose_method(options, task, dataset, device, threads, say)
    )
    plan = make_plan(chosen.options, task, dataset, device, threads, say)
    fabric = make_fabric(device, plan.precision, plan.method.has_unused_parameters)
    begun = resume and checkpoint.exists(out / "checkpoint")
    generator = stored_generator(out, len(dataset)) if begun else read_generator(plan, dataset, fabric.device)
    experiment = prepare(plan, dataset, fabric.device, say, generator)
    config = describe_run(plan, record(fabric, threads, plan.times), chosen.choice, generator)
    progress = Progress(plan.settings.steps, say, quiet=not fabric.is_global_zero)
    for note in (*experiment.notes, *experiment.weights_notes):
        progress.say(f"note: {note}")
    run = Run(plan, experiment, fabric, config, out, progress)
    if chosen.choice is not None:
        for line in chosen.choice.lines():
            progress.say(line)
    trainer = _train(run, resume)
    progress.say(f"labelling all {len(dataset)} images")
    if fabric.is_global_zero:
        finish(out, config, plan.task, experiment, trainer, chosen.choice)
    fabric.barrier()
    return out


def _train(run: Run, resume: bool) -> Trainer:
    """Run the loop from its start or its checkpoint to its end."""
    task, experiment, out, progress = run.plan.task, run.experiment, run.out, run.progress
    saved = checkpoint.load(out / "checkpoint") if resume else None
    watch = task.watch(experiment, progress.say)
    if run.fabric.is_global_zero:
        open_folder(out, run.config, task, experiment, resume)
    trainer = assemble(experiment, run.fabric, out, watch, task.probabilities, progress, saved)
    if resume:
        progress.say(f"resuming at step {trainer.step}")
    progress.start(trainer.step, estimate_seconds(trainer, experiment.trunk.fresh_steps))
    with progress:
        trainer.run()
    return trainer
