"""The machine of a run: device, threads, processes and versions."""

import ctypes
import os
import platform

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from fewlabels.errors import UserError
from fewlabels.models.precision import Precision
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


def make_fabric(device: torch.device, precision: Precision, has_unused_parameters: bool = False) -> Fabric:
    """Set up Fabric for one process, or for the group that ``torchrun`` or ``fabric run`` started.

    ``has_unused_parameters`` is the attribute of the method.
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


def record(fabric: Fabric, threads: int) -> dict[str, str | int]:
    """Collect versions and hardware for config.yaml."""
    import numpy
    import timm
    import torchvision

    gpu = torch.cuda.get_device_name(fabric.device) if fabric.device.type == "cuda" else ""
    return {
        "fewlabels": __version__, "python": platform.python_version(), "torch": str(torch.__version__),
        "torchvision": torchvision.__version__, "timm": timm.__version__, "numpy": numpy.__version__,
        "hardware": gpu or f"{platform.machine()} CPU", "threads": threads, "processes": fabric.world_size,
    }  # fmt: skip
