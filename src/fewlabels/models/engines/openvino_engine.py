"""The engine that computes passes without gradient on a CPU with OpenVINO, where it agrees with torch."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import chain
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from fewlabels.models.engines.engine import Engine
from fewlabels.models.engines.openvino_program import Output, Program, version

TOLERANCE = 1e-4
"""Largest difference from torch, relative to the largest feature, at which a program is used."""
COMPARED = 4
"""Images that a new program is compared with torch on: the first that it is asked for."""

KEPT = 8
"""Programs that are kept in memory; the oldest makes room."""

State = tuple[tuple[int, int], ...]
"""Address and version of each tensor of a backbone: it changes when a weight does."""

_PROGRAMS: dict[tuple[object, ...], Program | str] = {}
"""The programs of this process, or why torch has to be used. All engines share them: ``--method auto`` tries one
network and then builds an equal one."""


class OpenVinoEngine(Engine):
    """Compiles a backbone when the first images of a size arrive, and compares it with torch on these images.

    Images pass one at a time, so the output for an image depends neither on its batch nor on its position. Torch
    computes what needs a gradient, runs in training mode or another number format, or has hooks on the backbone's
    modules, and everything for a backbone that can't be converted or differs from torch.

    Args:
        threads: CPU threads.
        say: receives one line of text where torch has to be used.
    """

    independent = True

    def __init__(self, threads: int, say: Callable[[str], None]) -> None:
        self.name = f"openvino {version()}"
        self.threads, self.say = threads, say
        self._weights: WeakKeyDictionary[nn.Module, tuple[State, bytes]] = WeakKeyDictionary()
        self._said: set[str] = set()
        self._recorded: tuple[nn.Module, list[Tensor]] | None = None

    def forward_features(self, backbone: nn.Module, x: Tensor) -> Any:
        if self._recorded is not None and self._recorded[0] is backbone:
            last, stage = self._run(backbone, x, ("last", "stage"))
            self._recorded[1].append(stage)
            return last
        return self._run(backbone, x, ("last",))[0]

    def last_stage(self, backbone: nn.Module, x: Tensor) -> Tensor:
        return self._run(backbone, x, ("stage",))[0]

    @contextmanager
    def recorded_stage(self, backbone: nn.Module) -> Iterator[list[Tensor]]:
        before, seen = self._recorded, []
        self._recorded = (backbone, seen)
        try:
            yield seen
        finally:
            self._recorded = before

    def _run(self, backbone: nn.Module, x: Tensor, outputs: Sequence[Output]) -> list[Any]:
        """Compute outputs by the program of the backbone, or by torch."""
        program = self._program(backbone, x, outputs) if _answers(backbone, x) else None
        return _by_torch(backbone, x, outputs) if program is None else program(x)

    def _program(self, backbone: nn.Module, x: Tensor, outputs: Sequence[Output]) -> Program | None:
        """Return the program for images of this size; None where torch has to be used."""
        key = (self._hash(backbone), tuple(x.shape[1:]), tuple(outputs), self.threads)
        if key not in _PROGRAMS:
            made = self._make(backbone, x[:COMPARED], outputs)
            if len(_PROGRAMS) >= KEPT:
                del _PROGRAMS[next(iter(_PROGRAMS))]
            _PROGRAMS[key] = made
        found = _PROGRAMS[key]
        if isinstance(found, Program):
            return found
        self._note(f"{found}; torch is used instead")
        return None

    def _make(self, backbone: nn.Module, images: Tensor, outputs: Sequence[Output]) -> Program | str:
        """Compile the backbone and compare it with torch; return why it can't be used where that is so."""
        _, channels, height, width = images.shape
        expected = _by_torch(backbone, images, outputs)
        try:
            program = Program(backbone, (1, channels, height, width), outputs, self.threads)
            error = max(difference(*pair) for pair in zip(program(images), expected, strict=True))
        except Exception as failure:  # what a converter raises for an operation that it lacks is not documented
            reason = str(failure).strip().partition("\n")[0][:200] or type(failure).__name__
            return f"OpenVINO can't compute this backbone ({reason})"
        if not error <= TOLERANCE:
            return f"OpenVINO differs from torch by {error:.1e} of the largest feature (allowed: {TOLERANCE:.0e})"
        return program

    def _note(self, text: str) -> None:
        """Tell the user, once."""
        if text not in self._said:
            self._said.add(text)
            self.say(f"note: {text}")

    def _hash(self, backbone: nn.Module) -> bytes:
        """Hash the layers and weights, so that backbones with the same ones share a program."""
        state = tuple((t.data_ptr(), t._version) for t in chain(backbone.parameters(), backbone.buffers()))
        known = self._weights.get(backbone)
        if known is None or known[0] != state:
            digest = sha256(f"{type(backbone)} {backbone}".encode())
            for name, tensor in backbone.state_dict().items():
                digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
                digest.update(tensor.detach().contiguous().numpy().tobytes())
            known = self._weights[backbone] = (state, digest.digest())
        return known[1]


def difference(found: Tensor, expected: Tensor) -> float:
    """Compute the largest difference relative to the largest value that is expected."""
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-30))


def _answers(backbone: nn.Module, x: Tensor) -> bool:
    """Return whether this pass needs nothing that torch alone can do."""
    plain = x.device.type == "cpu" and x.dtype == torch.float32 and x.ndim == 4 and len(x) > 0
    if not plain or torch.is_autocast_enabled("cpu"):
        return False
    if torch.is_grad_enabled() and (x.requires_grad or any(p.requires_grad for p in backbone.parameters())):
        return False
    return not any(m.training or m._forward_hooks or m._forward_pre_hooks for m in backbone.modules())


def _by_torch(backbone: nn.Module, x: Tensor, outputs: Sequence[Output]) -> list[Any]:
    reference = Engine()
    if "stage" not in outputs:
        return [reference.forward_features(backbone, x)]
    with reference.recorded_stage(backbone) as seen:
        last = reference.forward_features(backbone, x)
    found = {"last": last, "stage": seen[-1]}
    return [found[name] for name in outputs]
