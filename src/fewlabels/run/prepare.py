"""Build the pieces of a run from its plan: split, images, model, method, views."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from fewlabels.augment.views import Normalize, make_view
from fewlabels.data.dataset import TRAIN, Dataset
from fewlabels.data.pixels.store import Store, open_store
from fewlabels.data.split import LabelSplit
from fewlabels.methods.method import Problem
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier
from fewlabels.models.engines.attach import use_engine
from fewlabels.models.weights import Weights, load_weights
from fewlabels.randomness import key_of, permutation
from fewlabels.run.choose_engine import make_engine
from fewlabels.run.plan import Plan, image_channels
from fewlabels.training.experiment import Experiment
from fewlabels.training.generator import Generator
from fewlabels.training.images import Images
from fewlabels.training.trunk import Views, choose_trunk


def prepare(
    plan: Plan, dataset: Dataset, device: torch.device, say: Callable[[str], None] = lambda _: None,
    generator: Generator | None = None,
) -> Experiment:  # fmt: skip
    """Build everything.

    Args:
        plan: of the run.
        dataset: the images and their labels.
        device: that of this process.
        say: receives one line of text where the engine of the plan can't be used after all.
        generator: has the boxes that the method learns.

    Raises:
        UserError: where the method can't learn from these labels, or weights do not fit.
    """
    settings = plan.settings
    split = plan.task.draw(dataset, settings, plan.method)
    images, spec, model, notes = prepare_network(plan, dataset, device)
    method = plan.method(model, plan.parameters, describe_problem(plan, dataset, split, generator))
    if plan.precision.channels_last:
        method = method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    method = method.to(device)
    use_engine(method, make_engine(settings.engine, settings.threads, say))
    trunk, limits = choose_trunk(settings, method, images, len(dataset), len(split.labelled), len(split.pool))
    return Experiment(
        settings,
        dataset,
        split,
        images,
        spec,
        method,
        make_views(plan),
        trunk,
        (*dataset.notes, *limits, *([generator.origin.note] if generator else [])),
        notes,
        generator.origin if generator else None,
    )


class PreparedNetwork(NamedTuple):
    """The network of a run before training, and the images as its input."""

    images: Images
    spec: ModelSpec
    model: Classifier
    notes: tuple[str, ...]
    """Where its weights come from, and what of them is used."""


def prepare_network(plan: Plan, dataset: Dataset, device: torch.device) -> PreparedNetwork:
    """Open the images and build the network on the CPU; ``device`` is that of the images."""
    settings, weights = plan.settings, plan.weights
    memory = int((settings.memory or _free_memory() / 4) * 2**30)
    channels = image_channels(settings, dataset)
    store = open_store(dataset, settings.image_size, channels, device, memory, settings.workers)
    spec = make_model_spec(plan, dataset, store, weights)
    torch.manual_seed(key_of(settings.seed, "model") % (1 << 63))
    model = build(spec)
    notes = (*weights.notes, *load_weights(model, weights))
    images = Images(store, Normalize(spec.mean, spec.std, plan.precision.channels_last).to(device))
    return PreparedNetwork(images, spec, model, notes)


def make_views(plan: Plan) -> Views:
    """The views that the method asks for, as ``--weak`` and ``--strong`` define them."""
    settings = plan.settings
    names = {"weak": settings.weak, "strong": settings.strong}
    labelled, unlabelled = (
        tuple((name, make_view(names.get(name, name), settings.flip)) for name in asked)
        for asked in (plan.method.views_of_labelled(plan.parameters), plan.method.unlabelled_views)
    )
    return Views(labelled, unlabelled, settings.flip, settings.seed)


def channel_statistics(store: Store, dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Compute mean and standard deviation per channel, for pixels from 0 to 1, of at most 2000 training images."""
    train = torch.from_numpy(dataset.rows(TRAIN))
    some = train[permutation(key_of("statistics"), len(train))[:2000]]
    total, square, count = torch.zeros(store.channels).double(), torch.zeros(store.channels).double(), 0
    for pixels in store.stream(torch.split(some, 256)):
        x = pixels.cpu().double() / 255
        total, square = total + x.sum((0, 2, 3)), square + (x * x).sum((0, 2, 3))
        count += x.shape[0] * x.shape[2] * x.shape[3]
    mean = total / count
    std = (square / count - mean**2).clamp_min(1e-6).sqrt()
    return tuple(mean.float().tolist()), tuple(std.float().tolist())


def make_model_spec(plan: Plan, dataset: Dataset, store: Store, weights: Weights) -> ModelSpec:
    """Collect everything that ``predict`` must know of the model; model.json will hold it."""
    settings, network = plan.settings, plan.network
    pretrained = settings.weights != "none"
    scaled = network.head == "linear" and settings.freeze and pretrained and plan.method.frozen_trunk == "features"
    pretrained_maps = network.head == "class-maps" and pretrained
    own = (weights.mean, weights.std) if weights.mean and weights.std else channel_statistics(store, dataset)
    return ModelSpec(
        backbone=settings.backbone, num_classes=max(1, len(dataset.classes)), channels=store.channels,
        image_size=store.size,
        head="normalized-linear" if scaled else network.head, pad_type=weights.pad_type, mean=own[0], std=own[1],
        members=network.members, attention_maps=network.attention_maps, saliency=network.saliency, top=network.top,
        boxes=network.boxes, scaled=pretrained_maps, bias=pretrained_maps, fine_map=network.fine_map,
        class_size=network.class_size,
        places=settings.freeze and network.boxes is not None and network.boxes.source == "network",
    )  # fmt: skip


def describe_problem(plan: Plan, dataset: Dataset, split: LabelSplit, generator: Generator | None = None) -> Problem:
    """Collect what the method is told about the data."""
    settings = plan.settings
    seen = settings.steps * settings.batch_size * plan.mu
    epochs = seen / max(1, len(split.pool))
    boxes = generator.boxes if generator else None
    return Problem(len(dataset.classes), len(dataset), len(split.labelled), epochs, settings.steps, boxes)


def _free_memory() -> float:
    """GiB of main memory that are free; 4 where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return 4.0
