"""A frozen trunk: a few views of each training image are embedded once, and heads train on what was kept."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from fewlabels.augment.views import View
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import features
from fewlabels.randomness import Draws, key_of
from fewlabels.training.images import Images

KEPT_VIEWS = 6
"""Views kept per image and view name, where the images are few. On 1500 photographs six instead of two gave FreeMatch
one to two points."""
EMBEDDINGS = 20_000
"""Passes through the trunk that embedding may take, so that many images do not cost hours; two views are the least."""


def kept_views(rows: int, names: int) -> int:
    """How many views of each kind are kept of so many images."""
    return max(2, min(KEPT_VIEWS, EMBEDDINGS // max(1, rows * names)))


def freeze(model: Classifier) -> None:
    """Keep the trunk's weights and batch statistics as they are; only the head learns.

    Members of an ensemble then look through the same trunk, so that an image is embedded once.
    """
    first, *others = model.networks()
    for other in others:
        other.backbone.load_state_dict(first.backbone.state_dict())
    for network in (first, *others):
        network.backbone.requires_grad_(False)
        network.backbone.eval()


class PlainFeatures:
    """The images as they are, through the frozen trunk: each set of rows that is asked for is embedded once.

    What is looked at in every evaluation then costs no more than the head.
    """

    def __init__(self, model: Classifier, images: Images) -> None:
        self.model, self.images = model, images
        self.kept: dict[bytes, Tensor] = {}

    def __call__(self, rows: Tensor) -> Iterator[Tensor]:
        """(b, D) features of the rows, in order."""
        key = rows.numpy().tobytes()
        if key not in self.kept:
            self.kept[key] = features(self.model, self.images.plain(rows))
        device = next(self.model.parameters()).device
        return (part.to(device) for part in torch.split(self.kept[key], 4096))


def embed_views(
    model: Classifier,
    images: Images,
    rows: Tensor,
    num_images: int,
    views: dict[str, View],
    seed: int,
    progress: Callable[[int, int], None],
) -> dict[str, Tensor]:
    """For each view name (N, V, D) features of the rows, V of :func:`kept_views`; ``identity`` needs one only.

    The draws are keyed by the image's row, not by a slot, so that what is kept of an image does not depend on the
    others.
    """
    kept = {}
    counts = {name: 1 if name == "identity" else kept_views(len(rows), len(views)) for name in views}
    total = sum(counts.values()) * len(rows)
    done = 0
    for name, view in views.items():
        count = counts[name]
        kept[name] = torch.zeros(num_images, count, model.num_features)
        for number in range(count):
            key = key_of(seed, "embedded", name, number)

            def inputs(view: View = view, key: int = key) -> Iterator[Tensor]:
                chunks = torch.split(rows, images.chunk)
                for chunk, pixels in zip(chunks, images.stream(chunks), strict=True):
                    nonlocal done
                    yield images.to_input(view(pixels, Draws(key, chunk)))
                    done += len(chunk)
                    progress(done, total)

            kept[name][rows, number] = features(model, inputs())
    device = next(model.parameters()).device
    return {name: tensor.to(device) for name, tensor in kept.items()}
