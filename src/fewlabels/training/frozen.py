"""Frozen features are cached: a few views of each training image are embedded once, and heads train on them."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from fewlabels.augment.views import View
from fewlabels.models.classifier import Classifier, SingleClassifier
from fewlabels.models.engines.attach import by_torch
from fewlabels.models.inference import embedded, evaluating
from fewlabels.models.map_cache import MapCache
from fewlabels.randomness import Draws, key_of
from fewlabels.training.embedding_cache import EmbeddingCache
from fewlabels.training.images import Images

MEMORY = 4 * 2**30
"""Upper bound of the bytes of all cached views and plain images. It is the same on every machine, so that runs are."""

FEW_VIEWS = 2
"""Views cached per image and view name, each of which takes a pass. Six were no better (docs/results.md). Methods that
need pixels take one more pass when a part of a view is erased."""


def kind_kept(model: Classifier, images: Images) -> Tensor:
    """Compute the features of one blank image: all images have their shape and dtype."""
    with by_torch(model):
        return embedded(model, [_blank(model, images)])[0]


def _blank(model: Classifier, images: Images) -> Tensor:
    """Return one image of zeros, as network input."""
    blank = torch.zeros(1, images.store.channels, images.store.size, images.store.size, dtype=torch.uint8)
    return images.to_input(blank.to(next(model.parameters()).device))


def fits(model: Classifier, images: Images, num_images: int, names: int) -> bool:
    """Return whether two views of each name and the plain images fit in the cache.

    Pooled features always fit; maps of very many images do not.
    """
    kind = kind_kept(model, images)
    return kind.ndim == 1 or (2 * names + 1) * num_images * kind.nbytes <= MEMORY


@torch.no_grad()
def remembers_all(model: Classifier, images: Images, num_images: int, viewed: int) -> bool:
    """Return whether the last maps of all plain images, and of a few views of ``viewed`` images, fit in the cache.

    Images that a method makes of its views, such as erased ones, are not counted.
    """
    trunk = model.trunks()[0]
    with evaluating(trunk), by_torch(trunk):
        last = trunk.last(_blank(model, images))
    return (num_images + FEW_VIEWS * viewed) * last.half().nbytes <= MEMORY


def freeze(model: Classifier) -> None:
    """Freeze the trunk's weights and batch statistics; only the head is trained.

    All networks get the same trunk, so that an image is embedded once.
    """
    first, *others = model.trunks()
    for other in others:
        other.backbone.load_state_dict(first.backbone.state_dict())
    for network in (first, *others):
        network.backbone.requires_grad_(False)
        network.backbone.eval()


def remember(method: nn.Module) -> None:
    """Share one cache of the frozen trunk's maps between all networks of a method, teachers included.

    Teachers were copied before :func:`freeze` made the trunks equal, so they get the same weights here.
    """
    cache, first = MapCache(MEMORY), None
    for network in method.modules():
        if isinstance(network, SingleClassifier):
            first = first or network
            network.backbone.load_state_dict(first.backbone.state_dict())
            network.map_cache = cache


class PlainFeatures:
    """Features of the plain images: all images are embedded once, in the order of the data set.

    The features of an image then depend neither on what is asked for first nor on what is asked for together, and
    images that every evaluation uses cost no more than a pass through the head.
    """

    def __init__(self, model: Classifier, images: Images, num_images: int) -> None:
        self.model, self.images = model, images
        self.rows = torch.arange(num_images)
        self.cache = EmbeddingCache(model, images)
        self.kind = kind_kept(model, images)
        self.chunk = max(1, (1 << 25) // self.kind.nbytes)
        self.kept: Tensor | None = None

    def __call__(self, rows: Tensor) -> Iterator[Tensor]:
        """Give the features of the rows in order, in chunks."""
        if self.kept is None:
            self.kept = self.cache.get(
                self.rows, self.kind, lambda: embedded(self.model, self.images.plain(self.rows)), "plain"
            )
        kept, device = self.kept, next(self.model.parameters()).device
        return (kept[part].to(device) for part in torch.split(rows, self.chunk))


def embed_views(
    model: Classifier,
    images: Images,
    rows: Tensor,
    num_images: int,
    views: dict[str, View],
    flip: str,
    seed: int,
    progress: Callable[[int, int], None],
) -> dict[str, Tensor]:
    """Embed views: (N, V, ...) features for each view name, V = :data:`FEW_VIEWS`; ``identity`` has one view.

    The draws are keyed by the image's row, not by a slot, so that the features of an image do not depend on the other
    images. ``flip`` is the flip of the views; it is part of the cache key.
    """
    kind = kind_kept(model, images)
    counts = {name: 1 if name == "identity" else FEW_VIEWS for name in views}
    kept = {name: torch.zeros(num_images, count, *kind.shape, dtype=kind.dtype) for name, count in counts.items()}
    passes = [(name, number) for name, count in counts.items() for number in range(count)]
    chunks, cache = torch.split(rows, images.chunk), EmbeddingCache(model, images, flip)

    def inputs(done: int, view: View, key: int) -> Iterator[Tensor]:
        for chunk, pixels in zip(chunks, images.stream(chunks), strict=True):
            yield images.to_input(view(pixels, Draws(key, chunk)))
            done += len(chunk)
            progress(done, len(passes) * len(rows))

    for index, (name, number) in enumerate(passes):
        key = key_of(seed, "embedded", name, number)
        make = partial(inputs, index * len(rows), views[name], key)
        kept[name][rows, number] = cache.get(rows, kind, lambda make=make: embedded(model, make()), name, key)
    device = next(model.parameters()).device
    return {name: tensor.to(device) for name, tensor in kept.items()}
