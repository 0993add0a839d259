"""Time the engines that can compute the features of a frozen backbone, in turns, over the same images.

The table shows milliseconds per image of a forward pass without gradient in fp32, the shortest of all rounds, and the
time of torch as a multiple of it. torch computes in channels_last, as runs on such processors do. ONNX Runtime is timed
where ``onnxruntime``, ``onnx`` and ``onnxscript`` are installed; fewlabels does not use it::

    python benchmarks/engines.py [--threads 1 2] [--backbones tf_efficientnet_lite0] [--sides 224 448] [--batches 1 8]

Weights are random: they do not change the time. Numbers mean little while other programs use the machine.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from fewlabels.models.engines.openvino_engine import difference
from fewlabels.models.engines.openvino_program import Program, is_installed, version
from fewlabels.training.machine import keep_freed_memory, make_deterministic, processor

ROUNDS = 4
"""Turns of each engine; the first warms up, and the shortest counts."""

Pass = Callable[[Tensor], Tensor]
"""From (B, 3, S, S) images to the last map."""


class LastMap(nn.Module):
    """``forward_features`` as a module, for exporters."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: Tensor) -> Tensor:
        """Compute the last map."""
        return self.backbone.forward_features(x)


def by_torch(backbone: nn.Module) -> Pass:
    """Compute in channels_last."""
    module = LastMap(backbone).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    return lambda x: module(x.contiguous(memory_format=torch.channels_last))


def by_openvino(backbone: nn.Module, batch: int, side: int, threads: int) -> Pass:
    """Compile for this batch."""
    program = Program(backbone, (batch, 3, side, side), ("last",), threads)
    return lambda x: program(x)[0]


def by_onnxruntime(backbone: nn.Module, batch: int, side: int, threads: int) -> Pass:
    """Export for this batch."""
    import onnxruntime  # pyright: ignore[reportMissingImports]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file, blank = str(Path(folder, "model.onnx")), (torch.zeros(batch, 3, side, side),)
        torch.onnx.export(LastMap(backbone).eval(), blank, file, dynamo=True, verbose=False)
        session = onnxruntime.InferenceSession(file, options, ["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(session.run(None, {name: x.numpy()})[0])


@torch.inference_mode()
def time_passes(passes: dict[str, Pass], images: Tensor) -> tuple[dict[str, float], dict[str, float]]:
    """Time each engine in turns: seconds per pass, and the largest difference from torch, relative to its largest."""
    seconds, errors, expected = {}, {}, passes["torch"](images)
    for _ in range(ROUNDS):
        for name, compute in passes.items():
            begin = time.perf_counter()
            found = compute(images)
            seconds[name] = min(time.perf_counter() - begin, seconds.get(name, float("inf")))
            errors[name] = difference(found, expected)
    return seconds, errors


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=["tf_efficientnet_lite0"])
    parser.add_argument("--sides", nargs="+", type=int, default=[224, 448])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 4, 8, 32])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    given = parser.parse_args()
    keep_freed_memory()
    make_deterministic(None)
    names = ["torch", *(["OpenVINO"] if is_installed() else [])]
    names += ["ONNX Runtime"] if all(map(find_spec, ("onnxruntime", "onnx", "onnxscript"))) else []
    versions = f"torch {torch.__version__}" + (f", OpenVINO {version()}" if is_installed() else "")
    print(f"{processor(torch.device('cpu'))}, {versions}\n")
    print(f"| backbone | side | batch | threads | {' | '.join(names)} |\n|{'---|' * (4 + len(names))}")
    for name, side, batch, threads in product(given.backbones, given.sides, given.batches, given.threads):
        torch.set_num_threads(threads)
        backbone = timm.create_model(name, num_classes=0).eval().requires_grad_(False)
        passes: dict[str, Pass] = {"torch": by_torch(backbone)}
        if "OpenVINO" in names:
            passes["OpenVINO"] = by_openvino(backbone, batch, side, threads)
        if "ONNX Runtime" in names:
            passes["ONNX Runtime"] = by_onnxruntime(backbone, batch, side, threads)
        seconds, errors = time_passes(passes, torch.randn(batch, 3, side, side))
        cells = [f"{1000 * s / batch:.1f} ({seconds['torch'] / s:.2f}x)" for s in seconds.values()]
        print(f"| {name} | {side} | {batch} | {threads} | {' | '.join(cells)} |", flush=True)
        assert max(errors.values()) < 1e-3, errors


if __name__ == "__main__":
    main()
