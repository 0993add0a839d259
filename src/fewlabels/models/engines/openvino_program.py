"""Compile a backbone for one image size with OpenVINO. This is the only module that imports openvino.

The modules of a backbone are traced by torch and converted in memory: no ONNX package and no file is needed.
``openvino.convert_model`` does the same, but reports each use over the network, so it is not called.
"""

import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from fewlabels.models.engines.engine import recorded_last_stage

Output = Literal["last", "stage"]
"""The output of ``forward_features``, and the map of the last stage."""


def is_installed() -> bool:
    """Return whether the package ``openvino`` can be imported."""
    if find_spec("openvino") is None:
        return False
    try:
        import openvino  # noqa: F401 # pyright: ignore[reportMissingImports]
    except Exception:  # a damaged installation: what its libraries raise is not documented
        return False
    return True


def version() -> str:
    """Return the version of the installed OpenVINO."""
    import openvino  # pyright: ignore[reportMissingImports]

    return str(openvino.__version__).partition("-")[0]


class _Traced(nn.Module):
    """The part of a backbone that is compiled."""

    def __init__(self, backbone: nn.Module, outputs: Sequence[Output]) -> None:
        super().__init__()
        self.backbone, self.outputs = backbone, outputs

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        network: Any = self.backbone
        if "stage" not in self.outputs:
            return (network.forward_features(x),)
        with recorded_last_stage(self.backbone) as seen:
            found = {"last": network.forward_features(x), "stage": seen[0]}
        return tuple(found[name] for name in self.outputs)


class Program:
    """A backbone compiled for (batch, C, H, W) float32 images, with the weights that it had.

    Each stream of work has one thread, so that the output for an image does not depend on the number of threads.

    Args:
        backbone: in evaluation mode.
        shape: (batch, C, H, W). Larger batches are no faster than 1 on a CPU (benchmarks/engines.py).
        outputs: what is returned, in this order.
        threads: CPU threads.

    Raises:
        Exception: of any kind, where the backbone can't be traced, converted or compiled.
    """

    def __init__(
        self, backbone: nn.Module, shape: tuple[int, int, int, int], outputs: Sequence[Output], threads: int
    ) -> None:
        import openvino  # pyright: ignore[reportMissingImports]

        model = _convert(_Traced(backbone, outputs).eval(), shape)
        settings = {
            "INFERENCE_PRECISION_HINT": "f32",  # else processors with bf16 would round to it
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "ENABLE_CPU_PINNING": False,  # two processes would share one core
        }
        compiled = openvino.Core().compile_model(model, "CPU", settings)
        self.shape = shape
        self._sizes = [tuple(output.shape) for output in compiled.outputs]
        self._queue = openvino.AsyncInferQueue(compiled, threads)
        self._queue.set_callback(_store)

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Compute each output, (B, ...) float32 on the CPU, of (B, C, H, W) float32 images; batch divides B."""
        batch = self.shape[0]
        pixels = images.detach().contiguous().numpy()
        found = [np.empty((len(pixels), *size[1:]), np.float32) for size in self._sizes]
        for first in range(0, len(pixels), batch):
            part = slice(first, first + batch)
            self._queue.start_async([pixels[part]], [array[part] for array in found])
        self._queue.wait_all()
        return [torch.from_numpy(array) for array in found]


def _store(request: Any, places: list[np.ndarray]) -> None:
    """Copy the outputs of one request to where they belong."""
    for number, place in enumerate(places):
        place[...] = request.get_output_tensor(number).data


def _convert(module: nn.Module, shape: tuple[int, int, int, int]) -> Any:
    """Trace a module with a blank image and convert the trace to a model of OpenVINO's for images of this shape."""
    from openvino.frontend import FrontEndManager  # pyright: ignore[reportMissingImports]
    from openvino.frontend.pytorch.ts_decoder import (  # pyright: ignore[reportMissingImports]
        TorchScriptPythonDecoder,
    )

    with torch.inference_mode(False), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch would rather be asked for another kind of trace
        # Without shared memory the program keeps its weights whatever happens to those of the module. Checking the
        # trace would repeat it; the engine compares outputs instead.
        decoder = TorchScriptPythonDecoder(
            module, example_input=torch.zeros(shape), shared_memory=False, trace_kwargs={"check_trace": False}
        )
        frontend = FrontEndManager().load_by_framework("pytorch")
        model = frontend.convert(frontend.load(decoder))
    model.reshape(list(shape))
    return model
