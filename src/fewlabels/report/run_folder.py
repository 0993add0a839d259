"""The run folder before step 0: whose it is, what its configuration says, and the split."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from fewlabels.errors import UserError
from fewlabels.options import TrainOptions, flag, read_config
from fewlabels.report.ledger import check_same_split, write_ledger
from fewlabels.training.experiment import Prepared
from fewlabels.training.files import write_text

_MOVABLE = ("out", "root", "data", "labels", "workers", "memory")
"""What may differ between a run and its resumption: where things lie, and what does not touch the numbers."""


def claim(options: TrainOptions, out: Path, resume: bool) -> tuple[TrainOptions, bool]:
    """The options to use, the stored ones where a run is resumed; and whether there is a run to resume.

    Raises:
        UserError: where the folder exists and ``resume`` was not said, or was begun with other options.
    """
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
        if asked not in (f.default, {}) and f.name not in _MOVABLE and asked != before:
            name = "--method." + ", ".join(asked) if f.name == "parameters" else flag(f.name)
            raise UserError(f"{out} was begun with {name} {before}, not {asked}; leave it out, or give another --out")
    return replace(stored, **{name: getattr(options, name) for name in _MOVABLE}), True


def describe(prepared: Prepared, versions: dict[str, Any]) -> dict[str, Any]:
    """What config.yaml holds: every option with its final value, every parameter of the method, the versions."""
    config = {f.name: getattr(prepared.options, f.name) for f in fields(TrainOptions)}
    chosen = prepared.method.p
    config["parameters"] = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    return {**config, "record": versions}


def open_folder(out: Path, config: dict[str, Any], prepared: Prepared, resume: bool) -> None:
    """Write the configuration and the split, or check that a resumed run still has the images it began with."""
    if resume and (out / "labels.csv").exists():
        check_same_split(out / "labels.csv", prepared.dataset, prepared.split)
        return
    out.mkdir(parents=True, exist_ok=True)
    write_ledger(out / "labels.csv", prepared.dataset, prepared.split, None)
    write_text(out / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
