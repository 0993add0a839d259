"""Choose the number format and memory layout of a run by timing its network, once per machine and network."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any

import timm
import torch

from fewlabels.data.pixels.cache_folder import cache_folder, write_cache_file
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.precision import Layout, NumberFormat, Precision, candidates, fastest
from fewlabels.models.statistics import freeze_statistics
from fewlabels.models.timing import measure, passes
from fewlabels.training.frozen import freeze
from fewlabels.training.machine import from_first_process, process_count, processor

SHARE = 8
"""A pass is timed with this fraction of the images that a step of the run passes through the network."""
LEAST = 8
"""Images of a timed pass, at least: with fewer, the costs that do not depend on their number would decide."""

Times = dict[Precision, float]
"""Milliseconds per image, forward and backward."""


@dataclass(frozen=True)
class Workload:
    """The network of a run, as far as its speed depends on it."""

    spec: ModelSpec
    """The number of classes, the statistics of the images and what is specific to boxes are not those of the run."""
    frozen: bool
    """The backbone is fixed."""
    fixed_statistics: bool
    """Batch normalisation uses the running statistics."""
    always_fp32: bool
    """Nothing but inference passes the fixed backbone, or its outputs are cached: both are always in float32."""
    images: int
    """Images that a step passes through the network, in all processes together."""

    def key(self) -> dict[str, Any]:
        """Return what the times are stored under, as JSON values."""
        names = ("backbone", "channels", "image_size", "head", "pad_type", "members", "attention_maps", "fine_map")
        about = self.spec.to_dict()
        return {name: about[name] for name in names} | {
            "frozen": self.frozen, "fixed_statistics": self.fixed_statistics,
        }  # fmt: skip


def choose_precision(
    workload: Workload,
    device: torch.device,
    name: NumberFormat | None,
    layout: Layout | None,
    say: Callable[[str], None],
) -> tuple[Precision, Times]:
    """Choose the fastest number format and layout, or what is given of them. The first process decides for all.

    Args:
        workload: the network to time.
        device: where the run computes.
        name: the number format, where it is given. None is fp32 where a fixed backbone's outputs are cached, because
            that part is computed in float32 anyway.
        layout: the memory layout, where it is given.
        say: receives one line of text before the network is timed.

    Returns:
        The choice, and the times that it was made by: empty where there was nothing to measure.

    Raises:
        UserError: where the network can't be built.
    """
    if name and layout:
        return Precision(name, layout), {}
    among = candidates(device, "fp32" if workload.always_fp32 else name, layout)
    if len(among) == 1:
        return Precision(name or among[0].name, among[0].layout), {}
    times = from_first_process(lambda: _stored_times(workload, among, device, say))
    choice = fastest(times) if times else among[0]
    return Precision(name or choice.name, choice.layout), times


def _stored_times(
    workload: Workload, among: Sequence[Precision], device: torch.device, say: Callable[[str], None]
) -> Times:
    """Return the times in the user's cache, or measure and store them.

    A file that is damaged or belongs to another network or machine is replaced.
    """
    key = {
        "processor": processor(device), "torch": str(torch.__version__), "timm": timm.__version__,
        "threads": torch.get_num_threads(), "network": workload.key(), "candidates": [str(one) for one in among],
    }  # fmt: skip
    file = cache_folder() / "precision" / f"{sha256(json.dumps(key).encode()).hexdigest()[:32]}.json"
    times = _read(file, key, among)
    if times is None:
        spec = workload.spec
        say(f"timing {spec.backbone} at {spec.image_size} px in {', '.join(map(str, among))}; the result is cached")
        times = time_workload(workload, among, device)
        content = {"key": key, "milliseconds_per_image": {str(one): time for one, time in times.items()}}
        write_cache_file(file, lambda stream: stream.write(json.dumps(content, indent=1).encode()))
    return times


def _read(file: Path, key: dict[str, Any], among: Sequence[Precision]) -> Times | None:
    """Read stored times; None where there are none that can be used."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["key"] != key:
            return None
        stored = {str(name): float(time) for name, time in content["milliseconds_per_image"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    times = {one: stored[str(one)] for one in among if str(one) in stored}
    good = 0 < len(times) == len(stored) and all(isfinite(time) and time > 0 for time in times.values())
    return times if good else None


def time_workload(workload: Workload, among: Sequence[Precision], device: torch.device) -> Times:
    """Measure the candidates on a network of random weights, without a trace in torch's random state."""
    spec = workload.spec
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        model = build(spec).to(device)
    if workload.frozen:
        freeze(model)
    if workload.fixed_statistics:
        freeze_statistics(model)
    images = max(LEAST, workload.images // (SHARE * process_count()))
    seconds = measure(passes(model, (spec.channels, spec.image_size, spec.image_size)), among, images)
    return {candidate: round(1000 * time, 4) for candidate, time in seconds.items()}
