"""The resume point: weights in safetensors, the rest in JSON, and a manifest of hashes that is written last.

A checkpoint is a folder ``step-000000100``. It is filled under another name and renamed when it is whole, so a kill at
any moment leaves either the old one or the new one. Nothing here can execute code: safetensors and JSON only.
"""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from fewlabels.errors import UserError
from fewlabels.files import flush

_FILES = ("tensors.safetensors", "state.json")


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to continue as if it had never stopped."""

    step: int
    tensors: dict[str, Tensor]
    """Method, weight average, optimiser and running sums, under prefixed names."""
    state: dict[str, Any]
    """JSON: history rows, seconds so far, optimiser numbers."""


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint and delete all older ones but the last."""
    folder.mkdir(parents=True, exist_ok=True)
    for draft in folder.glob(".draft-*"):
        shutil.rmtree(draft, ignore_errors=True)
    draft = folder / f".draft-{os.getpid()}"
    draft.mkdir()
    save_file({k: v.detach().cpu().contiguous().clone() for k, v in checkpoint.tensors.items()}, draft / _FILES[0])
    (draft / _FILES[1]).write_text(json.dumps({"step": checkpoint.step, **checkpoint.state}))
    manifest = {name: _sha256(draft / name) for name in _FILES}
    (draft / "manifest.json").write_text(json.dumps(manifest, indent=1))
    for name in (*_FILES, "manifest.json"):
        flush(draft / name)
    place = folder / f"step-{checkpoint.step:09d}"
    if place.exists():  # resumed from this very step: what is there is the same
        shutil.rmtree(draft)
        return
    os.replace(draft, place)
    flush(folder)
    for old in sorted(folder.glob("step-*"))[:-2]:
        shutil.rmtree(old, ignore_errors=True)


def exists(folder: Path) -> bool:
    """Return whether there is a checkpoint to load."""
    return any(folder.glob("step-*"))


def load(folder: Path) -> Checkpoint | None:
    """The newest checkpoint, or None where there is none.

    Raises:
        UserError: where its files are not the ones that were saved.
    """
    places = sorted(folder.glob("step-*"))
    if not places:
        return None
    place = places[-1]
    remedy = f"delete {place}" + (f" to resume from {places[-2].name}" if len(places) > 1 else " and start again")
    try:
        manifest = json.loads((place / "manifest.json").read_text())
        for name in _FILES:
            if manifest[name] != _sha256(place / name):
                raise UserError(f"{place / name} is not the file that was saved (its hash differs); {remedy}")
        state = json.loads((place / _FILES[1]).read_text())
        _check_state(state, place)
        return Checkpoint(state.pop("step"), load_file(place / _FILES[0]), state)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, SafetensorError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{place} can't be read ({type(error).__name__}: {_line(error)}); {remedy}") from None


def _check_state(state: Any, place: Path) -> None:
    """Raise ValueError, TypeError or KeyError where it is not what :func:`save` wrote for this folder."""
    rows, seconds = state["history"], state["seconds"]
    if f"step-{state['step']:09d}" != place.name or not isinstance(seconds, int | float) or not isinstance(rows, list):
        raise ValueError("state.json does not belong here")
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("the history is not made of rows")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def prefixed(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors under names that start with ``prefix/``."""
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def part(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors that :func:`prefixed` put under ``prefix/``, under their own names."""
    return {name.removeprefix(f"{prefix}/"): t for name, t in tensors.items() if name.startswith(f"{prefix}/")}


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """Momentum and the like, as ``index.name``."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{name}": t for i, entry in state.items() for name, t in entry.items() if isinstance(t, Tensor)}


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor], where: str) -> None:
    """Put :func:`optimizer_tensors` back, each in the memory layout of its weight."""
    weights = [w for group in optimizer.param_groups for w in group["params"]]
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        known = index.isdecimal() and int(index) < len(weights)
        if not known or tensor.shape not in ((), weights[int(index)].shape):
            raise UserError(f"{where} does not fit this run's optimiser ('{name}'); start a new run with another --out")
        weight = weights[int(index)]
        same = tensor.shape == weight.shape
        optimizer.state[weight][key] = torch.empty_like(weight).copy_(tensor) if same else tensor.to(weight.device)


def restore_module(module: nn.Module, tensors: dict[str, Tensor], where: str) -> None:
    """Load a module's state; a checkpoint of another model is a clear error."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        raise UserError(
            f"{where} does not fit this run's model ({_line(error)}); start a new run with another --out"
        ) from None
