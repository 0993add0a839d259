"""Time one FixMatch training step in two pipelines: what peers write, and ours.

A step is WRN-28-2 on 16 labelled and 112 unlabelled RGB images of 32 pixels, the unlabelled ones in two views, 10
classes, on the CPU, from asking for its batch to asking for the next: reading, views, passes, optimiser, weight average
and logging. Not in it: evaluation, and the checkpoints before and after a turn. The images are random bytes.

- ``plain`` is the common way: PIL views of one image at a time in DataLoader workers (2 for each of the two loaders),
  fp32, NCHW, one pass over labelled, weak and strong views together, SGD as torch makes it by default, a loop over the
  state dictionary for the average, ``.item()`` on every figure of every step.
- ``ours`` is :class:`fewlabels.training.loop.Trainer`, assembled as ``fewlabels train`` does.

Both train the same network, in turns (plain, ours, plain, ours, ...), so that a machine that slows down slows both.
Every turn is a process of its own, so that neither inherits the other's settings. Its first step, in which workers
start and caches fill, is not counted.
"""

import json
import platform
import random
import shlex
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_args

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, RandomSampler
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from fewlabels.data.dataset import TRAIN, ArrayImages, Dataset
from fewlabels.methods.consistency import Passes
from fewlabels.methods.method import Batch
from fewlabels.models.build import ModelSpec, build
from fewlabels.options import TrainOptions
from fewlabels.run.assemble import assemble
from fewlabels.run.plan import make_plan
from fewlabels.run.prepare import prepare
from fewlabels.tasks.task import load_task
from fewlabels.training.feed import Feed
from fewlabels.training.machine import keep_freed_memory, make_deterministic, make_fabric
from fewlabels.training.optimisation import lr_factor
from fewlabels.training.progress import Progress

LABELLED, MU, SIDE, CLASSES, IMAGES, LABELS = 16, 7, 32, 10, 2000, 40
ENDLESS = 1 << 20
THRESHOLD, DECAY, RATE = 0.95, 0.999, 0.03
T = TypeVar("T")


@dataclass
class Clock:
    """Seconds of every counted step of one pipeline."""

    seconds: list[float] = field(default_factory=list)
    steps: int = 0
    """Counted steps of a turn."""

    def over(self, batches: Iterable[T]) -> Iterator[T]:
        """Hand on the batches of one turn; a step lasts from one request to the next."""
        source = iter(batches)
        for number in range(1 + self.steps):
            begin = time.perf_counter()
            yield next(source)
            if number:
                self.seconds.append(time.perf_counter() - begin)


def shift(image: Image.Image, *matrix: float) -> Image.Image:
    """Sample the image at the affine places of ``matrix``, nearest pixel, black outside."""
    return image.transform(image.size, Image.Transform.AFFINE, matrix)


OPERATIONS: tuple[tuple[Callable[[Image.Image, float], Image.Image], float, float], ...] = (
    (lambda image, _: ImageOps.autocontrast(image), 0, 1),
    (lambda image, v: ImageEnhance.Brightness(image).enhance(v), 0.05, 0.95),
    (lambda image, v: ImageEnhance.Color(image).enhance(v), 0.05, 0.95),
    (lambda image, v: ImageEnhance.Contrast(image).enhance(v), 0.05, 0.95),
    (lambda image, _: ImageOps.equalize(image), 0, 1),
    (lambda image, _: image, 0, 1),
    (lambda image, v: ImageOps.posterize(image, int(v)), 4, 8),
    (lambda image, v: image.rotate(v), -30, 30),
    (lambda image, v: ImageEnhance.Sharpness(image).enhance(v), 0.05, 0.95),
    (lambda image, v: shift(image, 1, v, 0, 0, 1, 0), -0.3, 0.3),
    (lambda image, v: shift(image, 1, 0, 0, v, 1, 0), -0.3, 0.3),
    (lambda image, v: ImageOps.solarize(image, int(v)), 0, 256),
    (lambda image, v: shift(image, 1, 0, v * image.width, 0, 1, 0), -0.3, 0.3),
    (lambda image, v: shift(image, 1, 0, 0, 0, 1, v * image.height), -0.3, 0.3),
)
"""USB's 14 operations, each with the range of its magnitude."""


def rand_augment(image: Image.Image) -> Image.Image:
    """Three operations with uniform magnitudes, then a square of at most half the width in one colour."""
    for operation, low, high in random.choices(OPERATIONS, k=3):
        image = operation(image, random.uniform(low, high))
    side = random.uniform(0, 0.5) * image.width
    left, top = (max(0, int(random.uniform(0, size) - side / 2)) for size in image.size)
    image = image.copy()
    ImageDraw.Draw(image).rectangle((left, top, left + side, top + side), (125, 123, 114))
    return image


WEAK = (transforms.RandomHorizontalFlip(), transforms.RandomCrop(SIDE, padding=4, padding_mode="reflect"))
TO_INPUT = (transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.25,) * 3))
weak = transforms.Compose([*WEAK, *TO_INPUT])
strong = transforms.Compose([*WEAK, rand_augment, *TO_INPUT])


class Views(TorchDataset[tuple[Any, ...]]):
    """Some views of each image, and its label."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, *views: Callable[[Image.Image], Tensor]) -> None:
        self.pixels, self.labels, self.views = pixels, labels, views

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, row: int) -> tuple[Any, ...]:
        image = Image.fromarray(self.pixels[row])
        return (*(view(image) for view in self.views), int(self.labels[row]))


class Plain:
    """FixMatch as it is commonly written."""

    how = "fp32, NCHW, joint passes"

    def __init__(self, pixels: np.ndarray, labels: np.ndarray) -> None:
        self.clock = Clock()
        self.labelled = Views(pixels[:LABELS], labels[:LABELS], weak)
        self.unlabelled = Views(pixels, labels, weak, strong)
        self.model = build(ModelSpec("wrn_28_2", CLASSES, 3, SIDE, "linear", None, (0.5,) * 3, (0.25,) * 3))
        self.average = {name: value.clone() for name, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.SGD(self.model.parameters(), RATE, momentum=0.9, weight_decay=5e-4, nesterov=True)
        self.schedule = LambdaLR(self.optimizer, lambda step: lr_factor(step, ENDLESS, "cosine"))
        self.log: dict[str, float] = {}

    def turn(self) -> None:
        """Take the steps of one turn; the workers live as long."""
        torch.use_deterministic_algorithms(False)
        streams = zip(loader(self.labelled, LABELLED), loader(self.unlabelled, LABELLED * MU), strict=True)
        for (images, labels), (weakly, strongly, _) in self.clock.over(streams):
            self.step(images, labels, weakly, strongly)

    def step(self, images: Tensor, labels: Tensor, weakly: Tensor, strongly: Tensor) -> None:
        """One step on (16, 3, 32, 32) labelled images and twice (112, 3, 32, 32) unlabelled ones."""
        logits = self.model(torch.cat([images, weakly, strongly]))
        logits, weak_logits, strong_logits = logits.split([len(images), len(weakly), len(strongly)])
        supervised = cross_entropy(logits, labels)
        confidence, guess = weak_logits.detach().softmax(1).max(1)
        kept = (confidence >= THRESHOLD).float()
        unlabelled = (cross_entropy(strong_logits, guess, reduction="none") * kept).mean()
        total = supervised + unlabelled
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        self.schedule.step()
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                old = self.average[name]
                old.copy_(old * DECAY + value * (1 - DECAY) if old.is_floating_point() else value)
        figures = {"loss": total, "supervised": supervised, "unlabelled": unlabelled, "kept": kept.mean()}
        self.log = {name: figure.item() for name, figure in figures.items()}


def loader(views: Views, batch: int) -> DataLoader[tuple[Any, ...]]:
    """Batches without end from two processes, so that the last steps of a turn do not run ahead of idle workers."""
    return DataLoader(views, batch, sampler=RandomSampler(views, True, ENDLESS * batch), num_workers=2)


@dataclass(frozen=True)
class TimedFeed(Feed):
    """Our feed, cut into turns."""

    clock: Clock

    def batches(self, start: int) -> Iterator[Batch]:
        """The batches of one turn."""
        return self.clock.over(super().batches(start))


class Ours:
    """FixMatch with everything that ``fewlabels train`` puts around it, without evaluation."""

    def __init__(self, pixels: np.ndarray, labels: np.ndarray, passes: Passes | None, folder: Path) -> None:
        self.clock = Clock()
        names = tuple(f"train/{row:06d}" for row in range(IMAGES))
        splits, classes = np.full(IMAGES, TRAIN, np.int8), tuple(map(str, range(CLASSES)))
        dataset = Dataset("random", classes, names, splits, labels, ArrayImages(pixels), flip="horizontal")
        asked = TrainOptions(
            data="random", task="classify", method="fixmatch", num_labels=LABELS, batch_size=LABELLED,
            backbone="wrn_28_2", lr=RATE, steps=ENDLESS, eval_every=ENDLESS, ema=DECAY, out=str(folder),
            parameters={"passes": passes} if passes else {},
        )  # fmt: skip
        device, task = torch.device("cpu"), load_task("classify")
        plan = make_plan(asked, task, dataset, device, torch.get_num_threads(), print)
        experiment = prepare(plan, dataset, device)
        self.how = f"{plan.precision}, {experiment.method.p.passes} passes"
        fabric, progress = make_fabric(device, plan.precision), Progress(ENDLESS, print, quiet=True)
        self.trainer = assemble(experiment, fabric, folder, lambda *_: {}, task.probabilities, progress, saved=None)
        self.trainer.feed = TimedFeed(**vars(self.trainer.feed), clock=self.clock)

    def turn(self) -> None:
        """Go on for the steps of one turn."""
        make_deterministic(None)
        keep_freed_memory()
        self.trainer.run()


def hardware() -> dict[str, str | int]:
    """Processor, versions, threads, the command and the commit."""
    file = Path("/proc/cpuinfo")
    text = file.read_text() if file.exists() else ""
    models = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    describe = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(describe, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "bf16 in the CPU": ", ".join(name for name in ("amx_bf16", "avx512_bf16") if name in text) or "no",
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "command": shlex.join(["python", "benchmarks/fixmatch_step.py", *sys.argv[1:]]),
        "commit": done.stdout.strip() or "unknown",
    }


def summary(seconds: list[float]) -> dict[str, Any]:
    """Milliseconds a step."""
    figures = {"min": min(seconds), "median": median(seconds), "max": max(seconds)}
    return {name: round(1000 * value, 1) for name, value in figures.items()} | {"steps": len(seconds)}


def arguments() -> Namespace:
    """The command line."""
    parser = ArgumentParser(description="Time one FixMatch step: the plain pipeline against ours, in turns.")
    parser.add_argument("--steps", type=int, default=5, help="counted steps of each pipeline in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, help="CPU threads (default: all cores)")
    parser.add_argument("--pass", dest="passes", choices=get_args(Passes), help="ours: --method.passes")
    parser.add_argument("--turn", choices=["plain", "ours"], help="one turn of one pipeline, in this process")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    given = parser.parse_args()
    for name in ("steps", "rounds", "threads"):
        value = getattr(given, name)
        if value is not None and value < 1:
            parser.error(f"--{name} {value}: give a whole number, at least 1")
    return given


def turn(name: str, given: Namespace) -> dict[str, Any]:
    """One turn of one pipeline, in this process."""
    if given.threads:
        torch.set_num_threads(given.threads)
    drawn = np.random.default_rng(0)
    pixels = drawn.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
    labels = np.arange(IMAGES) % CLASSES
    with TemporaryDirectory() as folder:
        pipeline = Plain(pixels, labels) if name == "plain" else Ours(pixels, labels, given.passes, Path(folder))
        pipeline.clock.steps = given.steps
        pipeline.turn()
    return {"seconds": pipeline.clock.seconds, "how": pipeline.how}


def turn_apart(name: str) -> dict[str, Any]:
    """One turn in a process of its own, so that neither pipeline inherits the other's settings."""
    command = [sys.executable, __file__, *sys.argv[1:], "--turn", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    given = arguments()
    if given.turn:
        print(json.dumps(turn(given.turn, given)))
        return
    turns: dict[str, list[dict[str, Any]]] = {"plain": [], "ours": []}
    for _ in range(given.rounds):
        for name, done in turns.items():
            done.append(turn_apart(name))
    figures: dict[str, Any] = {}
    for name, done in turns.items():
        figures[name] = summary([second for one in done for second in one["seconds"]]) | {"how": done[0]["how"]}
        print(f"{name}, ms a step: " + ", ".join(f"{key} {value}" for key, value in figures[name].items()))
    figures["ratio"] = round(figures["ours"]["median"] / figures["plain"]["median"], 3)
    figures["hardware"] = hardware()
    print(f"ratio of medians, ours / plain: {figures['ratio']}")
    print("; ".join(f"{name} {value}" for name, value in figures["hardware"].items()))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
