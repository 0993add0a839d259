"""Cache the features of a frozen trunk on disk, so that the next run on the same images starts at once."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import timm
import torch
from torch import Tensor

from fewlabels.data.pixels import array_cache
from fewlabels.data.pixels.cache_folder import cache_folder
from fewlabels.data.pixels.store import MemoryStore
from fewlabels.models.classifier import Classifier
from fewlabels.training.images import Images

_CODE = ("augment", "models", "randomness.py")
"""Parts of this package that features depend on: a change invalidates the cache."""


class EmbeddingCache:
    """Stores features under a hash of everything they depend on: pixels, weights, views, code and engine."""

    def __init__(self, model: Classifier, images: Images, *settings: object) -> None:
        """Hash model and images; images that are not all in memory are not cached."""
        self._base = _base(model, images, *settings) if isinstance(images.store, MemoryStore) else None

    def get(self, rows: Tensor, kind: Tensor, make: Callable[[], Tensor], *what: object) -> Tensor:
        """Return the features of the rows (n,), cached under ``what`` or computed; each is like ``kind``."""
        if self._base is None:
            return make()
        file = self._place(rows, (*what, kind.shape, kind.dtype))
        found = array_cache.load_array(file, (len(rows), *kind.shape), str(kind.dtype).removeprefix("torch."))
        if found is not None:
            return torch.from_numpy(found)
        made = make()
        array_cache.save_array(file, made.numpy())
        return made

    def _place(self, rows: Tensor, what: tuple[object, ...]) -> Path:
        digest = sha256(f"{self._base}, {what}".encode())
        digest.update(rows.numpy().tobytes())
        return cache_folder() / "embeddings" / f"{digest.hexdigest()[:32]}.npy"


def _base(model: Classifier, images: Images, *settings: object) -> str:
    """Hash the pixels, the trunk's weights, the code, the engine, the device and the settings."""
    assert isinstance(images.store, MemoryStore)
    pixels, to_input = images.store.pixels, images.to_input
    (first, *_) = model.networks()
    digest = sha256(_code().encode())
    for name, tensor in [("pixels", pixels), *to_input.named_buffers(), *first.backbone.state_dict().items()]:
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    about = (
        type(first).__name__,
        type(first.backbone).__name__,
        first.engine.name,
        str(pixels.device),
        torch.get_num_threads(),
        torch.__version__,
    )
    digest.update(repr((about, timm.__version__, to_input.layout, settings)).encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    package = Path(__file__).parents[1]
    files = [f for part in _CODE for f in sorted((package / part).rglob("*.py")) or [package / part]]
    return sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
