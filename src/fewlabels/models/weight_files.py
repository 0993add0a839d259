"""Weight files: safetensors with a header, from disk or downloaded. Pickles are never read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fewlabels.errors import NoWeights, UserError, nearest

_OURS = "fewlabels"
_HUB_FILE = "model.safetensors"
_TIMEOUT = 5.0
"""Seconds to wait for the server of the weights."""
_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int32, torch.int64, torch.bool)
_PICKLE_STARTS = (b"PK\x03\x04", b"\x80")
_PICKLE_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".tar")


class WeightFile(NamedTuple):
    """Contents of a safetensors file."""

    name: str
    """The name that the user gave."""
    state: dict[str, Tensor]
    header: dict[str, str]
    """The text entries of its header."""


def read_file(named: str) -> WeightFile:
    """Read the file of ``--weights``.

    Raises UserError where it is missing, a pickle, damaged, or has values that are not finite.
    """
    path = Path(named)
    if not path.is_file():
        near = nearest(named, ("imagenet", "none"))
        raise UserError(f"--weights {named}: there is no such file; {near if near.startswith('did') else _CHOICES}")
    with path.open("rb") as file:
        start = file.read(4)
    if path.suffix.lower() in _PICKLE_SUFFIXES or start.startswith(_PICKLE_STARTS):
        raise UserError(
            f"--weights {named} is a pickle, which can run code and is never read: if you trust it, load its state "
            "dict yourself (weights_only=True) and write it with safetensors.torch.save_file"
        )
    return _read(path, named)


def download(backbone: str, hub_id: str | None, instead: str = "") -> WeightFile:
    """Return timm's weights of a backbone, from the download cache or the server.

    The server is first asked once, with a timeout of 5 seconds, because the download itself retries many times.

    Args:
        backbone: a name of timm's.
        hub_id: the repository of its weights; None if there is none.
        instead: what else the user can do, for the message of the error.

    Raises:
        UserError: where there are no weights or the download fails.
    """
    if not hub_id:
        raise NoWeights(f"--weights imagenet: there are none for {backbone}; {_CHOICES}")
    cached = try_to_load_from_cache(hub_id, _HUB_FILE)
    if not isinstance(cached, str):
        try:
            get_hf_file_metadata(hf_hub_url(hub_id, _HUB_FILE), timeout=_TIMEOUT)
            cached = hf_hub_download(hub_id, _HUB_FILE)
        except Exception as error:  # the client's errors differ between versions
            raise NoWeights(
                f"--weights imagenet: those of {backbone} can't be downloaded ({type(error).__name__}); "
                f"{instead + ', ' if instead else ''}{_CHOICES}"
            ) from error
    return _read(Path(cached), "imagenet")


_CHOICES = "give --weights FILE (safetensors) or --weights none"


def preprocessing_header(mean: Sequence[float], std: Sequence[float], pad_type: str | None) -> dict[str, str]:
    """Return a network's preprocessing as the header of its weight file.

    The header has one entry, because the order of several is not defined: two files of the same run are identical.
    """
    entries = {name: ",".join(map(repr, values)) for name, values in (("mean", mean), ("std", std))}
    return {_OURS: json.dumps(entries | ({} if pad_type is None else {"pad_type": pad_type}))}


def _entries(header: dict[str, str]) -> dict[str, str]:
    """Return the header's entries, with those of :func:`preprocessing_header`; raise ValueError for invalid ones."""
    own = json.loads(header.get(_OURS, "{}"))
    if not isinstance(own, dict) or not all(isinstance(value, str) for value in own.values()):
        raise ValueError(f"the entry {_OURS} of its header is not a table of strings")
    return header | own


def _read(path: Path, named: str) -> WeightFile:
    try:
        with safe_open(path, framework="pt") as file:
            header = _entries(file.metadata() or {})
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError, ValueError) as error:
        raise NoWeights(
            f"--weights {named} is not a complete safetensors file ({error}): download it again, or convert a pickle "
            "that you trust with safetensors.torch.save_file"
        ) from error
    for key, tensor in state.items():
        if tensor.dtype not in _DTYPES:
            raise NoWeights(
                f"--weights {named}: '{key}' is {tensor.dtype}, which no backbone here uses: convert it to float32"
            )
        if not tensor.isfinite().all():
            raise NoWeights(f"--weights {named}: '{key}' has values that are not finite: download the file again")
    return WeightFile(named, state, header)
