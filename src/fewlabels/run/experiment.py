"""Builds the pieces of a run from its options: data, split, views, model, method."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from fewlabels.augment.views import Normalize, View, make_view
from fewlabels.data.dataset import TRAIN, ArrayImages, Dataset
from fewlabels.data.pixels.store import Store, open_store
from fewlabels.data.split import LabelSplit
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.methods.method import Method, Network, Problem
from fewlabels.models.build import ModelSpec, build
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features, last_maps
from fewlabels.models.precision import Precision
from fewlabels.models.weights import Weights, load_weights, resolve_weights
from fewlabels.options import TrainOptions
from fewlabels.randomness import key_of, permutation
from fewlabels.run.defaults import Facts
from fewlabels.tasks.task import Task
from fewlabels.training.frozen import FEW_VIEWS, fits, remembers_all
from fewlabels.training.images import Images

Plain = Callable[[Tensor], Iterable[Tensor]]
"""From rows to the images as they are, as network input: (b, C, H, W) pixels, or (b, D) features of a frozen trunk."""


class Prepared(NamedTuple):
    """The pieces, before anything moved."""

    task: Task
    options: TrainOptions
    dataset: Dataset
    split: LabelSplit
    images: Images
    spec: ModelSpec
    method: Method
    labelled_views: tuple[tuple[str, View], ...]
    """Name and view, in the order of the method's ``labelled_views``."""
    unlabelled_views: tuple[tuple[str, View], ...]
    precision: Precision
    embeds: bool
    """Is what a frozen trunk says of the images kept, and used in the place of pixels?"""
    remembers: bool
    """Does a frozen trunk see pixels, but a few views of each image only, and remember them?"""
    fresh_steps: int | None
    """So many steps' worth of views are new to that trunk, all others are remembered; None where not all can be."""
    notes: list[str]

    @property
    def mu(self) -> int:
        """Unlabelled images per labelled one in a batch; 0 where the method does not look at them."""
        return self.method.p.mu if self.unlabelled_views else 0


def facts_of(dataset: Dataset, device: torch.device, kind: type[Method], task: Task, given: Mapping[str, Any]) -> Facts:
    """What the defaults are decided from; ``given`` are the hyper-parameters that are not the method's defaults."""
    parameters: Any = make_parameters(kind, given, len(dataset.classes))
    mu = parameters.mu if kind.unlabelled_views else 0
    if isinstance(dataset.images, ArrayImages):
        short = min(dataset.images.pixels.shape[1:3])
    else:
        short = int(np.median(dataset.images.sizes.min(1)))
    return Facts(
        short,
        dataset.flip,
        device.type != "cpu",
        kind.trains,
        kind.frozen_trunk,
        mu,
        task.least_batch,
        task.small_steps,
    )


def is_grey(dataset: Dataset) -> bool:
    """Has no image colour?"""
    images = dataset.images
    return images.pixels.shape[3] == 1 if isinstance(images, ArrayImages) else images.grey


def channel_statistics(store: Store, dataset: Dataset) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation per channel, for pixels from 0 to 1, of at most 2000 training images."""
    train = torch.from_numpy(dataset.rows(TRAIN))
    some = train[permutation(key_of("channel_statistics"), len(train))[:2000]]
    total, square, count = torch.zeros(store.channels).double(), torch.zeros(store.channels).double(), 0
    for pixels in store.stream(torch.split(some, 256)):
        x = pixels.cpu().double() / 255
        total, square = total + x.sum((0, 2, 3)), square + (x * x).sum((0, 2, 3))
        count += x.shape[0] * x.shape[2] * x.shape[3]
    mean = total / count
    std = (square / count - mean**2).clamp_min(1e-6).sqrt()
    return tuple(mean.float().tolist()), tuple(std.float().tolist())


def make_model_spec(
    options: TrainOptions, dataset: Dataset, store: Store, weights: Weights, network: Network
) -> ModelSpec:
    """Everything that predict must know of the model, as model.json will hold it."""
    assert options.backbone is not None
    pretrained_maps = network.head == "class-maps" and options.weights != "none"
    own = (weights.mean, weights.std) if weights.mean and weights.std else channel_statistics(store, dataset)
    return ModelSpec(
        backbone=options.backbone, num_classes=len(dataset.classes), channels=store.channels, image_size=store.size,
        head=network.head, pad_type=weights.pad_type, mean=own[0], std=own[1], members=network.members,
        attention_maps=network.attention_maps, saliency=network.saliency, top=network.top, boxes=network.boxes,
        scaled=pretrained_maps, bias=pretrained_maps, fine_map=network.fine_map,
        places=bool(options.freeze) and network.boxes is not None and network.boxes.source == "network",
    )  # fmt: skip


def prepare(
    task: Task, options: TrainOptions, dataset: Dataset, device: torch.device, precision: Precision
) -> Prepared:
    """Build everything. ``options`` are decided: nothing in them is None that the rule decides."""
    assert options.backbone is not None
    assert options.weights is not None
    assert options.image_size is not None
    assert options.flip is not None
    kind = load_method(options.method, task.name)
    split = task.draw(dataset, options, kind)
    parameters = make_parameters(kind, options.parameters, len(dataset.classes))
    boxes = kind.network(parameters).boxes
    if boxes is not None and boxes.source == "network" and options.backbone_lr == 0:
        raise UserError(
            "--backbone-lr 0 would leave the network that finds boxes as it begins, for it has that learning rate too; "
            "--freeze keeps pretrained layers as they are"
        )
    channels = 1 if is_grey(dataset) and options.weights == "none" else 3
    weights = resolve_weights(options.backbone, options.weights, channels, options.image_size)
    memory = int((options.memory or _free_memory() / 4) * 2**30)
    store = open_store(dataset, options.image_size, channels, device, memory, options.workers or 0)
    spec = make_model_spec(options, dataset, store, weights, kind.network(parameters))
    torch.manual_seed(key_of(options.seed, "model") % (1 << 63))
    model = build(spec)
    notes = [*dataset.notes, *load_weights(model, weights)]
    method = kind(
        model, parameters, state_problem(options, dataset, split, parameters if kind.unlabelled_views else None)
    )
    if precision.channels_last:
        method = method.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    names = {"weak": options.weak or "weak", "strong": options.strong or "strong"}
    to_input = Normalize(spec.mean, spec.std, precision.channels_last).to(device)
    views = [
        tuple((name, make_view(names.get(name, name), options.flip)) for name in asked)
        for asked in (kind.labelled_views, kind.unlabelled_views)
    ]
    images, method = Images(store, to_input), method.to(device)
    kinds_of_view = len({*kind.labelled_views, *kind.unlabelled_views})
    keeps = bool(options.freeze) and kind.frozen_trunk == "features"
    embeds = keeps and fits(method.model, images, len(dataset), kinds_of_view)
    remembers = bool(options.freeze) and kind.frozen_trunk == "maps"
    if keeps and not embeds:
        notes.append("the maps of so many images can't be kept: every step passes through the backbone, which is slow")
    remembers_every = remembers and remembers_all(method.model, images, len(dataset), _views_of_training(kind, split))
    if remembers and not remembers_every:
        notes.append("not all maps of so many images can be kept: the others pass through the backbone in every step")
    assert options.batch_size is not None
    fresh_steps = ceil(FEW_VIEWS * len(split.labelled) / options.batch_size) if remembers_every else None
    return Prepared(
        task, options, dataset, split, images, spec, method, views[0], views[1], precision, embeds, remembers,
        fresh_steps, notes,
    )  # fmt: skip


def _views_of_training(kind: type[Method], split: LabelSplit) -> int:
    """How many pairs of an image and a view of it a method trains on."""
    return len(kind.labelled_views) * len(split.labelled) + len(kind.unlabelled_views) * len(split.pool)


def state_problem(options: TrainOptions, dataset: Dataset, split: LabelSplit, pooled: Any) -> Problem:
    """What the method is told; ``pooled`` are its parameters where it looks at the unlabelled pool, else None."""
    assert options.steps is not None
    assert options.batch_size is not None
    seen = options.steps * options.batch_size * pooled.mu if pooled is not None else 0
    return Problem(
        len(dataset.classes), len(dataset), len(split.labelled), seen / max(1, len(split.pool)), options.steps
    )


def _free_memory() -> float:
    """GiB of main memory that are free; 4 where the system does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return 4.0


@dataclass(frozen=True)
class TrainingPool:
    """All training images, as :class:`fewlabels.methods.method.Pool` promises them."""

    task: Task
    averaged: Classifier
    plain: Plain
    rows: Tensor
    labelled_rows: Tensor
    labels: Tensor

    def features(self, model: Classifier, rows: Tensor) -> Tensor:
        """Pooled features of the images as they are."""
        return features(model, self.plain(rows))

    def maps(self, model: Classifier, rows: Tensor) -> Tensor:
        """Last maps of the images as they are."""
        return last_maps(model, self.plain(rows))

    def probabilities(self, model: Classifier, rows: Tensor) -> Tensor:
        """Class probabilities of the images as they are."""
        return self.task.probabilities(model, self.plain(rows))


def training_pool(prepared: Prepared, averaged: Classifier, plain: Plain) -> TrainingPool:
    """The pool of a run."""
    pool, labelled = torch.from_numpy(prepared.split.pool), torch.from_numpy(prepared.split.labelled)
    return TrainingPool(
        prepared.task, averaged, plain, pool, labelled, torch.from_numpy(prepared.split.given)[labelled]
    )
