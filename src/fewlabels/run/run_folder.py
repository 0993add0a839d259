"""The run folder before step 0: whether it is free, its configuration, and the saved split."""

from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from fewlabels.auto.choice import Choice
from fewlabels.errors import UserError
from fewlabels.files import write_text
from fewlabels.methods.catalogue import AUTO, TASKS, convert, load_method
from fewlabels.options import TrainOptions, flag, option_names, read_config
from fewlabels.run.generator import RECORD
from fewlabels.run.ledger import check_same_split, write_ledger
from fewlabels.run.plan import Plan
from fewlabels.tasks.task import Task
from fewlabels.training.experiment import Experiment
from fewlabels.training.generator import Generator

_MOVABLE = ("out", "root", "data", "labels", "boxes", "labelled_from", "workers", "memory", "time")
"""Options that a resumed run may change: where files are stored, what does not affect the numbers, and the time, which
decided only what was chosen before step 0."""


def claim(options: TrainOptions, out: Path, resume: bool) -> tuple[TrainOptions, bool]:
    """Return the options to use, the stored ones where a run is resumed, and whether there is a run to resume.

    Raises:
        UserError: the folder exists without ``resume``, or its run was begun with other options.
    """
    if not out.exists():
        place = next(folder for folder in out.absolute().parents if folder.exists())
        if not place.is_dir():
            raise UserError(f"--out {out}: '{place}' is a file; name a folder that is not inside it")
        return options, False
    if not resume:
        raise UserError(f"{out} exists; give another --out, or --resume to continue the run")
    if _empty(out):  # killed before its first file was whole
        return options, False
    if not (out / "config.yaml").is_file():
        raise UserError(f"{out} holds no run (no config.yaml); give another --out")
    written = read_config(out / "config.yaml")
    if missing := [flag(name) for name in option_names() if name not in written]:
        raise UserError(
            f"{out} was begun by an earlier version, without {missing[0]}; use that version, or give another --out"
        )
    stored = TrainOptions().replaced(written)
    for name, asked, before in _asked(options, stored):
        if asked != before:
            raise UserError(f"{out} was begun with {name} {before}, not {asked}; leave it out, or give another --out")
    return replace(stored, **{name: getattr(options, name) for name in _MOVABLE}), True


def _empty(folder: Path) -> bool:
    """Return whether the folder holds nothing but drafts of a configuration."""
    return folder.is_dir() and all(entry.match(".config.yaml.*.tmp") for entry in folder.iterdir())


def _asked(options: TrainOptions, stored: TrainOptions) -> Iterator[tuple[str, Any, Any]]:
    """Compare each option that is not the default with the stored run: (flag, asked, stored)."""
    for f in fields(TrainOptions):
        asked = getattr(options, f.name)
        if f.name not in (*_MOVABLE, "parameters") and asked != f.default:
            yield flag(f.name), asked, getattr(stored, f.name)
    kinds = get_type_hints(load_method(stored.method, stored.task or TASKS[0]).hyperparameters)
    for name, value in options.parameters.items():  # typed values are text: 1 equals the stored 1.0
        yield f"--method.{name}", convert(name, value, kinds[name]), stored.parameters.get(name)


def describe_run(
    plan: Plan, versions: dict[str, Any], choice: Choice | None, generator: Generator | None = None
) -> dict[str, Any]:
    """Collect what config.yaml holds: every option and hyper-parameter with its final value, and the record.

    The record has the versions and, if the method was chosen by ``auto``, how; and the run whose boxes it learns.
    """
    config = {f.name: getattr(plan.settings, f.name) for f in fields(TrainOptions)}
    config["parameters"] = {f.name: getattr(plan.parameters, f.name) for f in fields(plan.parameters)}
    chosen = {} if choice is None else {AUTO: choice.to_dict()}
    learned = {} if generator is None else {RECORD: generator.origin.to_dict()}
    return {**config, "record": versions | chosen | learned}


def open_folder(out: Path, config: dict[str, Any], task: Task, experiment: Experiment, resume: bool) -> None:
    """Write the configuration and the split, or check that a resumed run still has the images it began with."""
    if resume and (out / "labels.csv").exists():
        check_same_split(out / "labels.csv", task, experiment.dataset, experiment.split)
        return
    out.mkdir(parents=True, exist_ok=True)
    # The configuration comes first: it is what makes the folder a run that can be resumed after a kill right here.
    write_text(out / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    write_ledger(out / "labels.csv", task, experiment.dataset, experiment.split, None)
