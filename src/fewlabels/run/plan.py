"""The decisions of a run, made once: nothing behind a plan decides again."""

from dataclasses import dataclass, replace

import numpy as np
import torch

from fewlabels.data.dataset import ArrayImages, Dataset
from fewlabels.errors import UserError
from fewlabels.methods.catalogue import load_method, make_parameters
from fewlabels.methods.method import Method, Network, Parameters
from fewlabels.models.precision import Precision, choose_precision
from fewlabels.options import Settings, TrainOptions
from fewlabels.run.defaults import Facts, decide
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
    device: torch.device
    precision: Precision

    @property
    def mu(self) -> int:
        """Unlabelled images per labelled one in a batch; 0 where the method does not look at them."""
        return unlabelled_ratio(self.method, self.parameters)


def make_plan(options: TrainOptions, task: Task, dataset: Dataset, device: torch.device, threads: int) -> Plan:
    """Decide everything that the options leave open.

    Args:
        options: checked, with task and run folder filled in.
        task: of that name.
        dataset: the images; their number of classes, size and flips matter.
        device: where the run computes.
        threads: CPU threads that torch uses.

    Raises:
        UserError: for hyper-parameters out of range, or options that do not fit the method.
    """
    method = load_method(options.method, task.name)
    parameters = make_parameters(method, options.parameters, len(dataset.classes))
    network = method.network(parameters)
    decided = decide(options, facts_of(dataset, device, method, task, parameters))
    assert decided.backbone is not None
    precision = choose_precision(device, decided.backbone, decided.precision)
    settings = Settings.of(replace(decided, device=str(device), threads=threads, precision=precision.name))
    if network.boxes is not None and network.boxes.source == "network" and settings.backbone_lr == 0:
        raise UserError(
            "--backbone-lr 0 would leave the network that finds boxes untrained, because it has that learning rate "
            "too; --freeze keeps pretrained layers fixed"
        )
    return Plan(settings, task, method, parameters, network, device, precision)


def facts_of(dataset: Dataset, device: torch.device, method: type[Method], task: Task, parameters: Parameters) -> Facts:
    """Collect what the defaults are decided from."""
    return Facts(
        short_side=_short_side(dataset),
        flip=dataset.flip,
        accelerated=device.type != "cpu",
        trains=method.trains,
        frozen_trunk=method.frozen_trunk,
        mu=unlabelled_ratio(method, parameters),
        least_batch=task.least_batch,
        small_steps=task.small_steps,
    )


def unlabelled_ratio(method: type[Method], parameters: Parameters) -> int:
    """Unlabelled images per labelled one in a batch, mu of the papers; 0 where a method does not look at them."""
    return getattr(parameters, "mu", 0) if method.unlabelled_views else 0


def _short_side(dataset: Dataset) -> int:
    """The median over the images of the shorter side, in pixels."""
    if isinstance(dataset.images, ArrayImages):
        return min(dataset.images.pixels.shape[1:3])
    return int(np.median(dataset.images.sizes.min(1)))
