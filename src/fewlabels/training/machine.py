"""The machine of a run: device, threads, processes and versions."""

import ctypes
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from fewlabels.errors import UserError
from fewlabels.models.precision import PLAIN, Precision
from fewlabels.version import __version__


def pick_device(asked: str | None) -> torch.device:
    """Return the requested device, or the best one available.

    Raises:
        UserError: the device does not exist on this machine.
    """
    if asked is None:
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device(name)
    try:
        device = torch.device(asked)
    except RuntimeError:
        raise UserError(f"--device '{asked}' is not a device; give cpu, cuda, cuda:N or mps") from None
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.type, False):
        raise UserError(f"--device {asked}: this machine or this build of torch has none; use --device cpu")
    return device


def make_deterministic(threads: int | None) -> int:
    """Fix the thread count and ask for deterministic kernels; return the thread count."""
    if threads:
        torch.set_num_threads(threads)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    # filling takes a tenth of a step, and nothing reads uninitialised memory
    torch.backends.cudnn.benchmark = False
    return torch.get_num_threads()


def keep_freed_memory() -> None:
    """Let the C library reuse freed memory instead of returning it to the system, on Linux.

    Activations take tens of megabytes, which glibc would map and zero again for every operation; reusing them makes a
    step on a CPU about a tenth faster.
    """
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_max = -1, -4  # names of malloc.h
        libc = ctypes.CDLL(None)
        libc.mallopt(mmap_max, 0)
        libc.mallopt(trim_threshold, -1)


_FLAGS = ("avx2", "avx512f", "avx512_bf16", "avx512_fp16", "amx_bf16", "asimd", "sve", "bf16")
"""Instruction sets that decide how fast a number format is, as /proc/cpuinfo names them."""


def processor(device: torch.device) -> str:
    """Return the name of the GPU, or the name of the CPU and the instruction sets that torch may use."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    file = Path("/proc/cpuinfo")
    lines = [line.partition(":") for line in file.read_text().splitlines()] if file.exists() else []
    entries = {name.strip().lower(): value.strip() for name, _, value in reversed(lines)}
    flags = entries.get("flags", entries.get("features", "")).split()
    name = entries.get("model name") or platform.processor() or platform.machine()
    limits = (torch.backends.cpu.get_cpu_capability(), os.environ.get("ONEDNN_MAX_CPU_ISA", ""))
    return " ".join([name, *(flag for flag in _FLAGS if flag in flags), *filter(None, limits)])


def process_count() -> int:
    """Count the processes of the run."""
    return dist.get_world_size() if dist.is_initialized() else 1


T = TypeVar("T")


def from_first_process(make: Callable[[], T]) -> T:
    """Compute something in the first process and return it in all of them."""
    if process_count() == 1:
        return make()
    box = [make() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(box, src=0)
    return cast(T, box[0])


def seed_generator(key: int, device: torch.device) -> None:
    """Seed the generator of dropout.

    ``torch.manual_seed`` would also record a stack trace per kind of accelerator, which takes a millisecond a step.
    """
    seed = key % (1 << 63)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def make_fabric(device: torch.device, precision: Precision = PLAIN, has_unused_parameters: bool = False) -> Fabric:
    """Set up Fabric for one process, or for the group that ``torchrun`` started.

    The first call joins the group; a later one may change the other arguments.

    Args:
        device: where the run computes.
        precision: number format of the forward pass.
        has_unused_parameters: the attribute of the method.
    """
    world, local = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator=device.type,
        devices=local if world > 1 else ([device.index] if device.index is not None else 1),
        num_nodes=max(1, world // local),
        strategy=DDPStrategy(find_unused_parameters=has_unused_parameters) if world > 1 else "auto",
        precision="bf16-mixed" if precision.name == "bf16" else "32-true",
    )
    fabric.launch()
    fabric.barrier()  # every process has seen that the run folder is free before one of them creates it
    return fabric


def record(fabric: Fabric, threads: int, times: Mapping[Precision, float]) -> dict[str, Any]:
    """Collect versions, hardware, and the times by which number format and layout were chosen, for config.yaml."""
    import numpy
    import timm
    import torchvision

    gpu = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else ""
    return {
        "fewlabels": __version__, "python": platform.python_version(), "torch": str(torch.__version__),
        "torchvision": torchvision.__version__, "timm": timm.__version__, "numpy": numpy.__version__,
        "hardware": gpu or f"{platform.machine()} CPU", "threads": threads, "processes": fabric.world_size,
        "timings_ms_per_image": {str(precision): time for precision, time in times.items()},
    }  # fmt: skip
