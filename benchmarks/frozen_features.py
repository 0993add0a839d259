"""Time what a run on photographs computes by its frozen backbone, with each engine in turns, on the same images.

Features at 224 px are those of every probe; class and box at 448 px are those of ``map-probe``. Images are read before
the clock starts. The table shows the shortest wall and CPU time of all rounds, how much more CPU time the first round
of the engine took (conversion and comparison with torch), and the largest difference from torch::

    python benchmarks/frozen_features.py FOLDER --labels CSV [--weights FILE] [--images 500] [--boxes 60] [--threads 1]

Numbers mean little while other programs use the machine: compare the two engines of one call.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from fewlabels.evaluation.localization import iou
from fewlabels.models.classifier import Classifier
from fewlabels.models.engines.attach import use_engine
from fewlabels.models.engines.engine import TORCH
from fewlabels.models.engines.openvino_engine import OpenVinoEngine, difference
from fewlabels.models.inference import embedded, evaluating
from fewlabels.models.localizer import Localizer
from fewlabels.options import TrainOptions
from fewlabels.run.plan import make_plan
from fewlabels.run.prepare import prepare
from fewlabels.tasks.task import load_task
from fewlabels.training.experiment import Experiment
from fewlabels.training.machine import keep_freed_memory, make_deterministic, pick_device, processor

Compute = Callable[[Classifier, list[Tensor]], Tensor]


def prepared(given: argparse.Namespace, threads: int) -> Experiment:
    """Build the network of ``map-probe`` as a run does."""
    options = TrainOptions(
        data=given.folder, labels=given.labels, task="localize", method="map-probe", out="-",
        weights=given.weights, precision="fp32", layout="channels_last", memory=0.01, engine="torch",
    )  # fmt: skip
    task, device = load_task("localize"), pick_device("cpu")
    dataset = task.read(options)
    return prepare(make_plan(options, task, dataset, device, threads, print), dataset, device)


def batches(experiment: Experiment, count: int, side: int | None = None) -> list[Tensor]:
    """Read images spread over the data set, as network input, reduced to a side where one is given."""
    rows = torch.linspace(0, len(experiment.dataset) - 1, count).long()
    found = experiment.images.plain(rows)
    if side is None:
        return list(found)
    size, mode = (side, side), "bilinear"
    return [torch.nn.functional.interpolate(x, size, mode=mode, antialias=True) for x in found]


def pooled(model: Classifier, inputs: list[Tensor]) -> Tensor:
    """Compute features as cached features are computed."""
    return embedded(model, inputs)


@torch.inference_mode()
def boxes(model: Classifier, inputs: list[Tensor]) -> Tensor:
    """Compute class and box as the task does."""
    assert isinstance(model, Localizer)
    with evaluating(model):
        return torch.cat([model.locate(x).boxes for x in inputs])


class Seconds(NamedTuple):
    """Time of one round."""

    wall: float
    cpu: float
    """Of all threads of this process: other programs change it less than the wall time."""


def timed(compute: Compute, model: Classifier, inputs: list[Tensor]) -> tuple[Seconds, Tensor]:
    """Time one round."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = compute(model, inputs)
    return Seconds(time.perf_counter() - wall, time.process_time() - cpu), found


def row(name: str, engine: str, rounds: list[Seconds], reference: list[Seconds], count: int, agreement: str) -> str:
    """Format one line of the table."""
    wall, cpu = (min(values) for values in zip(*rounds, strict=True))
    torch_wall, torch_cpu = (min(values) for values in zip(*reference, strict=True))
    cells = [name, engine, f"{wall:.1f}", f"{cpu:.1f}", f"{1000 * cpu / count:.1f}", f"{rounds[0].cpu - cpu:.1f}"]
    cells += (
        [f"{torch_wall / wall:.2f}x wall, {torch_cpu / cpu:.2f}x CPU", agreement] if rounds != reference else ["", ""]
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a folder of photographs")
    parser.add_argument("--labels", help="its CSV (default: labels.csv in the folder)")
    parser.add_argument("--weights", default="imagenet")
    parser.add_argument("--images", type=int, default=500, help="images of 224 px")
    parser.add_argument("--boxes", type=int, default=60, help="images of 448 px")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args()
    threads = make_deterministic(given.threads)
    keep_freed_memory()
    experiment = prepared(given, threads)
    model, said = experiment.method.model, []
    engines = {"torch": TORCH, "openvino": OpenVinoEngine(threads, said.append)}
    print(f"{processor(torch.device('cpu'))}, {threads} threads, torch {torch.__version__}, {engines['openvino'].name}")
    print(f"{Path(given.folder).name}, {experiment.settings.backbone}\n")
    header = [
        "",
        "engine",
        "seconds",
        "CPU seconds",
        "CPU ms per image",
        "more in the first round",
        "gain",
        "agreement",
    ]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    work = {
        f"features, {given.images} images, 224 px": (pooled, batches(experiment, given.images, 224)),
        f"class and box, {given.boxes} images, 448 px": (boxes, batches(experiment, given.boxes)),
    }
    for name, (compute, inputs) in work.items():
        times: dict[str, list[Seconds]] = {engine: [] for engine in engines}
        found: dict[str, Tensor] = {}
        for _ in range(given.rounds):
            for engine in engines:
                use_engine(model, engines[engine])
                seconds, found[engine] = timed(compute, model, inputs)
                times[engine].append(seconds)
        agreement = (
            f"{difference(found['openvino'], found['torch']):.1e} of the largest"
            if compute is pooled
            else f"least IoU {float(iou(found['openvino'], found['torch']).min()):.3f}"
        )
        for engine in engines:
            print(row(name, engine, times[engine], times["torch"], sum(map(len, inputs)), agreement), flush=True)
    for line in said:
        print(line)


if __name__ == "__main__":
    main()
