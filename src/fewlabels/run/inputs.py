"""Images of a data set as input of a saved model."""

from collections.abc import Iterator

import torch
from torch import Tensor

from fewlabels.augment.views import Normalize
from fewlabels.data.dataset import Dataset
from fewlabels.data.pixels.store import open_store
from fewlabels.evaluation.outcome import Answers
from fewlabels.models.engines.attach import use_engine
from fewlabels.run.choose_engine import choose_engine, make_engine
from fewlabels.run.saved_model import SavedModel
from fewlabels.tasks.task import Task
from fewlabels.training.images import Images

MEMORY_OF_PIXELS = 2 * 2**30
"""Bytes of decoded images to keep at once; where there are more, they are decoded when they are needed."""


def model_inputs(
    saved: SavedModel, dataset: Dataset, device: torch.device, rows: Tensor, memory: int = MEMORY_OF_PIXELS
) -> Iterator[Tensor]:
    """Give batches (b, C, H, W) of the rows (n,) int64, without augmentation, normalised for the model.

    ``memory`` is the number of bytes for decoded images; 0 decodes these rows alone, else all of the data set may be.
    """
    spec = saved.spec
    store = open_store(dataset, spec.image_size, spec.channels, device, memory, 0)
    return Images(store, Normalize(spec.mean, spec.std).to(device)).plain(rows)


def run_engine(saved: SavedModel, device: torch.device, num_images: int) -> None:
    """Let the engine of the run compute the backbone, where that is possible and worth it.

    A backbone that it can't compute was reported when the run was trained, so nothing is said here.
    """
    asked = "auto" if saved.engine == "openvino" else "torch"
    engine = choose_engine(asked, device, True, saved.spec.image_size, num_images)
    use_engine(saved.model, make_engine(engine, torch.get_num_threads(), lambda _: None))


def model_answers(
    task: Task, saved: SavedModel, dataset: Dataset, device: torch.device, rows: Tensor, classes: Tensor | None = None
) -> Answers:
    """Compute the answers of a model for the rows (n,) int64 of a data set, whose (n,) classes may be known.

    The engine of the run computes them where it can be used here and there are enough images, else torch.
    """
    run_engine(saved, device, len(rows))
    return task.answers(saved.model, model_inputs(saved, dataset, device, rows), classes)
