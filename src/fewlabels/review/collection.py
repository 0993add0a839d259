"""The images that a person reviews, with their features and what is known about them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from fewlabels.augment.views import Normalize
from fewlabels.data.dataset import TRAIN, Dataset
from fewlabels.data.pixels.store import open_store
from fewlabels.exports.run_labels import RunLabels
from fewlabels.exports.source_images import read_all_images, row_numbers
from fewlabels.models.classifier import Classifier
from fewlabels.models.engines.attach import use_engine
from fewlabels.models.inference import features
from fewlabels.options import TrainOptions
from fewlabels.run.choose_engine import make_engine
from fewlabels.run.defaults import SMALL
from fewlabels.run.inputs import MEMORY_OF_PIXELS, run_engine
from fewlabels.run.plan import is_grey, make_plan, short_side
from fewlabels.run.prepare import prepare_network
from fewlabels.run.saved_model import load_model
from fewlabels.tasks.task import Task, load_task
from fewlabels.training.frozen import PlainFeatures, kind_kept
from fewlabels.training.images import Images
from fewlabels.training.machine import make_deterministic, pick_device


@dataclass(frozen=True)
class Collection:
    """N images of a data set in its order."""

    dataset: Dataset
    task: Task
    features: Callable[[], np.ndarray]
    """Computes (N, D) float32, which may take minutes."""
    labelled: np.ndarray
    """(L,) int64: rows of training images whose label, or all of whose marks, a person gave."""
    candidates: np.ndarray
    """(M,) int64: rows of the other training images."""
    uncertainty: np.ndarray
    """(N,) float64: 1 minus the confidence of a run in its label of the image, the least where there are several; 1
    without a run."""


def collect_run(found: RunLabels, data: TrainOptions, device: str | None) -> Collection:
    """Read the images of a finished run, and the features of its network.

    Args:
        found: the labels of the run.
        data: its options, with the present places of the data.
        device: cpu, cuda, cuda:N or mps (default: cuda or mps where available).

    Raises:
        UserError: the data can't be read, or an image is missing.
    """
    dataset = read_all_images(found, data)
    return Collection(
        dataset, found.task, lambda: run_features(found, dataset, device), *_ledger(found, dataset, data.data)
    )


def run_features(found: RunLabels, dataset: Dataset, device: str | None) -> np.ndarray:
    """Compute the features of the network of a run, (N, D) float32."""
    where = pick_device(device)
    make_deterministic(found.options.threads)
    saved = load_model(found.run, where)
    run_engine(saved, where, len(dataset))
    spec = saved.spec
    store = open_store(dataset, spec.image_size, spec.channels, where, MEMORY_OF_PIXELS, 0)
    layout = found.options.layout == "channels_last"
    images = Images(store, Normalize(spec.mean, spec.std, layout).to(where))
    return network_features(saved.model, images, len(dataset))


def collect_data(options: TrainOptions, task: str) -> Collection:
    """Read images of which few or none are labelled, with features that need no label.

    Raises:
        UserError: the data or the weights can't be read.
    """
    kind = load_task(task)
    dataset = kind.read(options)
    train, complete = dataset.rows(TRAIN), kind.complete(dataset).numpy()
    return Collection(
        dataset, kind, lambda: untrained_features(options, dataset), train[complete[train]], train[~complete[train]],
        np.ones(len(dataset)),
    )  # fmt: skip


def untrained_features(options: TrainOptions, dataset: Dataset) -> np.ndarray:
    """Compute features that no label of the data set has shaped, (N, D) float32.

    They are those of the pretrained network of ``linear-probe``; for small grey images, which are unlike those that
    it was trained on, the pixels.

    Raises:
        UserError: the weights can't be read.
    """
    device, threads = pick_device(options.device), make_deterministic(options.threads)
    if is_grey(dataset) and short_side(dataset) <= SMALL:
        return pixel_features(dataset, short_side(dataset), torch.arange(len(dataset)))
    probe = options.replaced({"method": "linear-probe", "parameters": {}, "task": "classify"})  # for every task
    return pretrained_features(probe, dataset, device, threads)


def pretrained_features(options: TrainOptions, dataset: Dataset, device: torch.device, threads: int) -> np.ndarray:
    """Compute the features (N, D) float32 that a run of ``linear-probe`` with these options computes."""
    plan = make_plan(options, load_task("classify"), dataset, device, threads, lambda _: None)
    network = prepare_network(plan, dataset, device)
    model = network.model.to(device)
    if plan.precision.channels_last:
        model = model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    use_engine(model, make_engine(plan.settings.engine, threads, lambda _: None))
    return network_features(model, network.images, len(dataset))


def pixel_features(dataset: Dataset, side: int, rows: torch.Tensor) -> np.ndarray:
    """Return the grey values, from 0 to 1, of the rows (n,) reduced to this side: (n, side * side) float32."""
    store = open_store(dataset, side, 1, torch.device("cpu"), memory_limit=0, workers=0)  # reads these rows alone
    parts = store.stream(torch.split(rows, 1024))
    return np.concatenate([pixels.flatten(1).numpy() for pixels in parts]).astype(np.float32) / 255


def network_features(model: Classifier, images: Images, count: int) -> np.ndarray:
    """Compute pooled features (N, D), from the cache of embeddings where the network keeps such."""
    rows = torch.arange(count)
    kept = kind_kept(model, images).ndim == 1
    inputs = PlainFeatures(model, images, count)(rows) if kept else images.plain(rows)
    return features(model, inputs).numpy()


def _ledger(found: RunLabels, dataset: Dataset, data: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the labelled rows, the candidates, and the uncertainty of every image."""
    rows = row_numbers(dataset, [row["path"] for row in found.training], data)
    given = np.array([bool(row["given"]) for row in found.training], bool)
    confidence = np.array([float(row["confidence"] or 0) for row in found.training])
    uncertainty = np.zeros(len(dataset))
    np.maximum.at(uncertainty, rows[~given], 1 - confidence[~given])
    candidates = np.unique(rows[~given])
    return np.setdiff1d(rows, candidates), candidates, uncertainty
