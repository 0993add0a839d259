"""Read the run whose boxes a method learns: ``--method.generator RUN``."""

from collections.abc import Sequence
from math import isfinite
from pathlib import Path

import numpy as np
import torch
import yaml

from fewlabels.data.dataset import Dataset
from fewlabels.data.pixels.frames import frames
from fewlabels.data.true_boxes import OVERHANG
from fewlabels.errors import UserError
from fewlabels.evaluation.flip_agreement import flip_agreement, mirrored_rows
from fewlabels.methods.given_boxes import GivenBoxesParameters
from fewlabels.models.localizer import Localizer
from fewlabels.options import TrainOptions, read_config
from fewlabels.run.inputs import model_inputs
from fewlabels.run.ledger import read_ledger
from fewlabels.run.plan import Plan
from fewlabels.run.saved_model import load_model
from fewlabels.tasks.localize import CORNERS
from fewlabels.training.generator import Generator, Origin

RECORD = "generator"
"""Entry of the record in config.yaml."""


def read_generator(plan: Plan, dataset: Dataset, device: torch.device) -> Generator | None:
    """Read the boxes of the run that the parameter ``generator`` names; None if the method makes its own.

    Raises:
        UserError: if it is not a finished run of task ``localize``, or has no box for an image of the data set.
    """
    if not isinstance(plan.parameters, GivenBoxesParameters) or not plan.parameters.given:
        return None
    run = Path(plan.parameters.generator)
    options = _options_of(run)
    boxes = _boxes(run, dataset)
    model = load_model(run, device)
    assert isinstance(model.model, Localizer)
    agreement = flip_agreement(model.model, model_inputs(model, dataset, device, mirrored_rows(dataset), memory=0))
    return Generator(Origin(run.resolve().name, options.method, agreement), boxes)


def _options_of(run: Path) -> TrainOptions:
    """Return the options of a finished run of task ``localize``."""
    flag = f"--method.generator {run}"
    wanted = "name a finished run of --task localize on the same images"
    if not (run / "config.yaml").is_file():
        raise UserError(f"{flag}: there is no run folder of that name (no config.yaml); {wanted}, or own")
    options = TrainOptions().replaced(read_config(run / "config.yaml"))
    if options.task != "localize":
        raise UserError(f"{flag} is a run of --task {options.task}, which has no boxes; {wanted}")
    if not (run / "metrics.json").is_file():  # written last
        raise UserError(f"{flag} is not finished and has no boxes yet; finish it with --resume")
    return options


def _boxes(run: Path, dataset: Dataset) -> torch.Tensor:
    """Return the box of each row of the data set, (N, 4) of the default floating-point type, as fractions."""
    found = {row["path"]: [row[name] for name in CORNERS] for row in read_ledger(run / "labels.csv")}
    pixels = np.array([_numbers(run, path, found.get(path, ())) for path in dataset.paths]).reshape(-1, 4)
    grids = frames(dataset)
    inside = np.tile(grids.sizes, 2)
    outside = ((pixels < -OVERHANG) | (pixels > inside + OVERHANG)).any(1)
    if outside.any():
        path = dataset.paths[int(outside.argmax())]
        raise UserError(
            f"--method.generator {run}: its box of '{path}' reaches out of the image, so the run is of another image "
            "of that name; name a run on the same images"
        )
    upright = grids.to_upright(pixels.clip(0, inside), np.arange(len(pixels)))
    return torch.from_numpy(upright).to(torch.get_default_dtype())


def _numbers(run: Path, path: str, cells: Sequence[str]) -> list[float]:
    try:
        numbers = [float(cell) for cell in cells]
    except ValueError:
        numbers = []
    if len(numbers) != len(CORNERS) or not all(isfinite(number) for number in numbers):
        raise UserError(
            f"--method.generator {run}: its labels.csv has no box for '{path}'; train that run on the same images, "
            "or name another"
        )
    return numbers


def stored_generator(run: Path, num_images: int) -> Generator | None:
    """Return what config.yaml of a run with a checkpoint says of its boxes; None if the method makes its own.

    The boxes themselves are in the checkpoint, and replace the zeros that stand for them here: so the other run may be
    gone.

    Raises:
        UserError: if the entry is damaged.
    """
    config = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))
    values = (config.get("record") or {}).get(RECORD)
    if values is None:
        return None
    try:
        return Generator(Origin.from_dict(values), torch.zeros(num_images, 4))
    except ValueError:
        raise UserError(f"{run / 'config.yaml'}: its record of the boxes is damaged; give another --out") from None
