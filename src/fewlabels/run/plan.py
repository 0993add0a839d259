"""The decisions of a run, made once: nothing behind a plan decides again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from fewlabels.data.dataset import ArrayImages, Dataset
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.methods.method import Method, Network, Parameters
from fewlabels.models.build import ModelSpec
from fewlabels.models.precision import PLAIN, Precision
from fewlabels.models.weights import Weights, resolve_weights
from fewlabels.options import Settings, TrainOptions
from fewlabels.run.choose_engine import choose_engine
from fewlabels.run.choose_precision import Times, Workload, choose_precision
from fewlabels.run.defaults import DataFacts, decide
from fewlabels.tasks.task import Task


@dataclass(frozen=True)
class Plan:
    """What is run: decided options, task, method, network and arithmetic."""

    settings: Settings
    task: Task
    method: type[Method]
    parameters: Parameters
    network: Network
    """What the method asks of the network with these parameters."""
    weights: Weights
    """First weights of the network."""
    device: torch.device
    precision: Precision
    times: Times
    """Milliseconds per image that ``precision`` was chosen by; empty where nothing had to be measured."""
    workload: Workload
    """What the network computes in a step."""

    @property
    def mu(self) -> int:
        """Unlabelled images per labelled one in a batch; 0 where the method does not look at them."""
        return unlabelled_ratio(self.method, self.parameters)


def make_plan(
    options: TrainOptions, task: Task, dataset: Dataset, device: torch.device, threads: int,
    say: Callable[[str], None],
) -> Plan:  # fmt: skip
    """Decide everything that the options leave open.

    Args:
        options: checked, with task and run folder filled in.
        task: of that name.
        dataset: the images; their number of classes, size and flips matter.
        device: where the run computes.
        threads: CPU threads that torch uses.
        say: receives a line of text before the network is timed, which takes up to ten seconds.

    Raises:
        UserError: for hyper-parameters out of range, or options that do not fit the method.
    """
    method = load_method(options.method, task.name)
    parameters = make_parameters(method, options.parameters, len(dataset.classes))
    network = method.network(parameters)
    decided = decide(options, facts_of(dataset, device, method, task, parameters))
    machine = {"device": str(device), "threads": threads, "precision": PLAIN.name, "layout": PLAIN.layout}
    settings = Settings.of(replace(decided, **machine))
    if network.boxes is not None and network.boxes.source == "network" and settings.backbone_lr == 0:
        raise UserError(
            "--backbone-lr 0 would leave the network that finds boxes untrained, because it has that learning rate "
            "too; --freeze keeps pretrained layers fixed"
        )
    engine = choose_engine(options.engine, device, settings.freeze, settings.image_size, len(dataset))
    channels = image_channels(settings, dataset)
    weights = resolve_weights(settings.backbone, settings.weights, channels, settings.image_size)
    spec = _timed_spec(settings, network, channels, weights.pad_type)
    workload = make_workload(settings, spec, method, parameters)
    precision, times = choose_precision(workload, device, options.precision, options.layout, say)
    settings = replace(settings, precision=precision.name, layout=precision.layout, engine=engine)
    return Plan(settings, task, method, parameters, network, weights, device, precision, times, workload)


def make_workload(settings: Settings, spec: ModelSpec, method: type[Method], parameters: Parameters) -> Workload:
    """Describe what the network of a run computes in a step."""
    unlabelled = unlabelled_ratio(method, parameters) * len(method.unlabelled_views)
    views = len(method.views_of_labelled(parameters)) + unlabelled
    return Workload(
        spec,
        frozen=settings.freeze,
        fixed_statistics=settings.statistics == "fixed",
        always_fp32=settings.freeze and (method.frozen_trunk != "pixels" or not method.trains),
        images=settings.batch_size * views,
    )


def _timed_spec(settings: Settings, network: Network, channels: int, pad_type: str | None) -> ModelSpec:
    """Describe the network as far as its speed depends on it: not on the classes, the images or the boxes."""
    head = "linear" if network.head.endswith("linear") else network.head  # how features are scaled costs nothing
    return ModelSpec(
        backbone=settings.backbone, num_classes=10, channels=channels, image_size=settings.image_size, head=head,
        pad_type=pad_type, mean=(0.0,) * channels, std=(1.0,) * channels, members=network.members,
        attention_maps=network.attention_maps, fine_map=network.fine_map,
    )  # fmt: skip


def image_channels(settings: Settings, dataset: Dataset) -> int:
    """Count the channels that the network receives: 1 if no image has colour and no weights expect three, else 3."""
    return 1 if is_grey(dataset) and settings.weights == "none" else 3


def is_grey(dataset: Dataset) -> bool:
    """Return whether no image has colour."""
    images = dataset.images
    return images.pixels.shape[3] == 1 if isinstance(images, ArrayImages) else images.grey


def facts_of(
    dataset: Dataset, device: torch.device, method: type[Method], task: Task, parameters: Parameters
) -> DataFacts:
    """Collect what the defaults are decided from."""
    return DataFacts(
        short_side=short_side(dataset),
        flip=dataset.flip,
        accelerated=device.type != "cpu",
        trains=method.trains,
        frozen_trunk=method.frozen_trunk,
        image_size=method.image_size,
        mu=unlabelled_ratio(method, parameters),
        least_batch=task.least_batch,
        small_steps=task.small_steps,
    )


def unlabelled_ratio(method: type[Method], parameters: Parameters) -> int:
    """Unlabelled images per labelled one in a batch, mu of the papers; 0 where a method does not look at them."""
    return getattr(parameters, "mu", 0) if method.unlabelled_views else 0


def short_side(dataset: Dataset) -> int:
    """Return the median over the images of the shorter side, in pixels."""
    if isinstance(dataset.images, ArrayImages):
        return min(dataset.images.pixels.shape[1:3])
    return int(np.median(dataset.images.sizes.min(1)))
