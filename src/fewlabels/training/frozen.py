"""A frozen trunk: a few views of each training image are embedded once, and heads train on what was kept."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from fewlabels.augment.views import View
from fewlabels.models.classifier import Classifier
from fewlabels.models.inference import embedded, evaluating
from fewlabels.models.memory import TrunkMemory
from fewlabels.randomness import Draws, key_of
from fewlabels.training.embedding_cache import EmbeddingCache
from fewlabels.training.images import Images

KEPT_VIEWS = 6
"""Views kept per image and view name, where the images are few. On 1500 photographs six instead of two gave FreeMatch
one to two points."""
EMBEDDINGS = 20_000
"""Passes through the trunk that embedding may take, so that many images do not cost hours; two views are the least."""
MEMORY = 4 * 2**30
"""Bytes that all kept views and the images as they are may take. The same on every machine, so that a run is, too."""

FEW_VIEWS = 2
"""Views per image and view name of methods that need pixels: each costs a pass of its own, and one of what is erased
from it."""


def kept_views(rows: int, names: int, size: int) -> int:
    """How many views of each name are kept of so many images, where one view of all takes so many bytes."""
    return max(2, min(KEPT_VIEWS, EMBEDDINGS // max(1, rows * names), MEMORY // (size * names) - 1))


def kind_kept(model: Classifier, images: Images) -> Tensor:
    """What is kept of one image: its shape and dtype are those of every image's."""
    return embedded(model, [_blank(model, images)])[0]


def _blank(model: Classifier, images: Images) -> Tensor:
    """One image of zeros, as network input."""
    blank = torch.zeros(1, images.store.channels, images.store.size, images.store.size, dtype=torch.uint8)
    return images.to_input(blank.to(next(model.parameters()).device))


def fits(model: Classifier, images: Images, num_images: int, names: int) -> bool:
    """Can two views of each name, and the images as they are, be kept?

    Pooled features always can; maps of very many images can't.
    """
    kind = kind_kept(model, images)
    return kind.ndim == 1 or (2 * names + 1) * num_images * kind.nbytes <= MEMORY


@torch.no_grad()
def remembers_all(model: Classifier, images: Images, num_images: int, viewed: int) -> bool:
    """Is there room for the last maps of all images as they are, and of a few views for each of ``viewed``?

    What a method makes of them itself and looks at as often, as erased images, comes on top.
    """
    trunk = model.trunks()[0]
    with evaluating(trunk):
        last = trunk.last(_blank(model, images))
    return (num_images + FEW_VIEWS * viewed) * last.half().nbytes <= MEMORY


def freeze(model: Classifier) -> None:
    """Keep the trunk's weights and batch statistics as they are; only the head learns.

    All networks then look through the same trunk, so that an image is embedded once.
    """
    first, *others = model.trunks()
    for other in others:
        other.backbone.load_state_dict(first.backbone.state_dict())
    for network in (first, *others):
        network.backbone.requires_grad_(False)
        network.backbone.eval()


def remember(method: nn.Module) -> None:
    """From now on all networks of a method, its teachers too, remember together what their frozen trunk gave.

    Teachers were copied before :func:`freeze` made the trunks one, so they get the same here.
    """
    memory, first = TrunkMemory(MEMORY), None
    for network in method.modules():
        if isinstance(network, Classifier) and hasattr(network, "backbone"):
            first = first or network
            network.backbone.load_state_dict(first.backbone.state_dict())
            network.memory = memory


class PlainFeatures:
    """The images as they are, through the frozen trunk: each set of rows that is asked for is embedded once.

    What is looked at in every evaluation then costs no more than the head.
    """

    def __init__(self, model: Classifier, images: Images) -> None:
        self.model, self.images = model, images
        self.cache = EmbeddingCache(model, images)
        self.kind = kind_kept(model, images)
        self.chunk = max(1, (1 << 25) // self.kind.nbytes)
        self.kept: dict[bytes, Tensor] = {}

    def __call__(self, rows: Tensor) -> Iterator[Tensor]:
        """What the head needs of the rows, in order."""
        key = rows.numpy().tobytes()
        if key not in self.kept:
            self.kept[key] = self.cache.get(
                rows, self.kind, lambda: embedded(self.model, self.images.plain(rows)), "plain"
            )
        device = next(self.model.parameters()).device
        return (part.to(device) for part in torch.split(self.kept[key], self.chunk))


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
    """For each view name (N, V, ...) what the head needs, V of :func:`kept_views`; ``identity`` needs one only.

    The draws are keyed by the image's row, not by a slot, so that what is kept of an image does not depend on the
    others. ``flip`` is what the views were made with; it names what is kept for the next run.
    """
    kind = kind_kept(model, images)
    most = kept_views(len(rows), len(views), num_images * kind.nbytes)
    counts = {name: 1 if name == "identity" else most for name in views}
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
